-- SPDX-License-Identifier: MIT
-- A mixture of normals with an unknown number of components: births, deaths, splits and merges by reversible jumps
-- (Richardson and Green 1997, here with a known scale of the components). For few data the posterior of the number of
-- components is also known exactly, by a sum over all allocations, and the two are compared.
--   borel run examples/jumps/components.lua -- [DRAWS]
local frequencies = require "frequencies"
local rep = borel.rep
local PRIOR = { most = 5, center = 20, spread = 5, alpha = 1 } -- components; of a mean; Dirichlet(alpha) for the weights
local SCALE = 2.5 -- of a component

-- ---- the model ------------------------------------------------------------------------------------------------------------

local function site(name, j) return ("%s[%d]"):format(name, j) end

-- Weights are mass[j] / sum of mass, and so Dirichlet.
local model = borel.model(function(y)
  local count = sample("count", dist.discrete_uniform(1, PRIOR.most))
  local mean, mass, total = {}, {}, 0
  for j = 1, count do
    mean[j] = sample({ "mean", j }, dist.normal(PRIOR.center, PRIOR.spread))
    mass[j] = sample({ "mass", j }, dist.gamma(PRIOR.alpha, 1))
    total = total + mass[j]
  end
  local sum = 0
  for _, x in ipairs(y) do
    local density = 0
    for j = 1, count do density = density + mass[j] * math.exp(-0.5 * ((x - mean[j]) / SCALE) ^ 2) end
    sum = sum + math.log(density / total)
  end
  factor(sum - #y * math.log(SCALE * math.sqrt(2 * math.pi)))
  return count
end)

-- ---- the moves --------------------------------------------------------------------------------------------------------------

local function components(trace)
  local list = {}
  for j = 1, trace.count do list[j] = { mean = trace[site("mean", j)], mass = trace[site("mass", j)] } end
  return list
end

local function values_of(list)
  local values = { count = #list }
  for j, c in ipairs(list) do values[site("mean", j)], values[site("mass", j)] = c.mean, c.mass end
  return values
end

-- Is there to be one more (1) or one less (0)?
local function direction(count)
  return sample("more", dist.bernoulli(count == 1 and 1 or count == PRIOR.most and 0 or 0.5))
end

-- A component drawn from the prior is put in at some place, or the one at some place is taken out.
local birth_or_death = rep.involutive {
  auxiliary = function(trace)
    local more = direction(trace.count)
    sample("place", dist.discrete_uniform(1, trace.count + more))
    if more == 1 then
      sample("mean", dist.normal(PRIOR.center, PRIOR.spread))
      sample("mass", dist.gamma(PRIOR.alpha, 1))
    end
  end,
  involution = function(trace, aux)
    local list = components(trace)
    if aux.more == 1 then
      table.insert(list, aux.place, { mean = aux.mean, mass = aux.mass })
      return values_of(list), { more = 0, place = aux.place }
    end
    local gone = table.remove(list, aux.place)
    return values_of(list), { more = 1, place = aux.place, mean = gone.mean, mass = gone.mass }
  end,
}

-- One becomes two with the same mass and mean mass in all, the second put in at some place; or two become one.
local split_or_merge = rep.involutive {
  auxiliary = function(trace)
    local more, count = direction(trace.count), trace.count
    sample("which", dist.discrete_uniform(1, more == 1 and count or count - 1)) -- the place of the first when the second is out
    sample("place", dist.discrete_uniform(1, count + more))
    if more == 1 then
      sample("part", dist.uniform(0, 1))
      sample("apart", dist.normal(0, 2))
    end
  end,
  involution = function(trace, aux)
    local list = components(trace)
    if aux.more == 1 then
      local one, part = list[aux.which], aux.part
      local two = { mean = one.mean + part * aux.apart, mass = (1 - part) * one.mass }
      list[aux.which] = { mean = one.mean - (1 - part) * aux.apart, mass = part * one.mass }
      table.insert(list, aux.place, two)
      return values_of(list), { more = 0, which = aux.which, place = aux.place }
    end
    local two = table.remove(list, aux.place)
    local one = list[aux.which]
    local mass = one.mass + two.mass
    local part = one.mass / mass
    list[aux.which] = { mean = part * one.mean + (1 - part) * two.mean, mass = mass }
    return values_of(list), { more = 1, which = aux.which, place = aux.place, part = part, apart = two.mean - one.mean }
  end,
}

-- One component moves.
local jitter = rep.involutive {
  auxiliary = function(trace)
    sample("which", dist.discrete_uniform(1, trace.count))
    sample("mean", dist.normal(0, 1))
    sample("log_mass", dist.normal(0, 0.7))
  end,
  involution = function(trace, aux)
    local mean, mass = site("mean", aux.which), site("mass", aux.which)
    return { [mean] = trace[mean] + aux.mean, [mass] = trace[mass] * math.exp(aux.log_mass) },
      { which = aux.which, mean = -aux.mean, log_mass = -aux.log_mass }
  end,
  log_jacobian = function(_, aux) return aux.log_mass end,
}

-- ---- the exact posterior ------------------------------------------------------------------------------------------------------

-- log N(y; PRIOR.center, SCALE^2 I + PRIOR.spread^2 11') of the data of one component.
local function log_evidence(sum, squares, n)
  local a, b = SCALE ^ 2, PRIOR.spread ^ 2
  return -0.5 * (n * math.log(2 * math.pi * a) + math.log(1 + n * b / a) + (squares - sum ^ 2 * b / (a + n * b)) / a)
end

-- P(count | y), a sum over the allocations of the data to components, with Dirichlet weights summed out.
local function exact(y)
  local posterior, total = {}, 0
  for count = 1, PRIOR.most do
    local sums, squares, sizes = {}, {}, {}
    for j = 1, count do sums[j], squares[j], sizes[j] = 0, 0, 0 end
    local function allocate(i) -- the mass of all allocations of y[i], y[i + 1], ... given those before
      if i > #y then
        local lp = borel.lgamma(count * PRIOR.alpha) - borel.lgamma(count * PRIOR.alpha + #y)
        for j = 1, count do
          lp = lp + borel.lgamma(PRIOR.alpha + sizes[j]) - borel.lgamma(PRIOR.alpha) + log_evidence(sums[j], squares[j], sizes[j])
        end
        return math.exp(lp)
      end
      local mass, x = 0, y[i] - PRIOR.center
      for j = 1, count do
        sums[j], squares[j], sizes[j] = sums[j] + x, squares[j] + x * x, sizes[j] + 1
        mass = mass + allocate(i + 1)
        sums[j], squares[j], sizes[j] = sums[j] - x, squares[j] - x * x, sizes[j] - 1
      end
      return mass
    end
    posterior[count] = allocate(1)
    total = total + posterior[count]
  end
  for count = 1, PRIOR.most do posterior[count] = posterior[count] / total end
  return posterior
end

-- ---- run ------------------------------------------------------------------------------------------------------------------------

--- Posterior of the number of components: from `draws` draws with its Monte Carlo errors (batch means), and exact.
local function compare(y, draws, seed)
  local kernel = rep.pipeline { birth_or_death, split_or_merge, jitter, jitter }
  local values, what = rep.chain(kernel, model, { draws = draws, seed = seed }, y)
  return frequencies(values), exact(y), what
end

local module = { model = model, kernels = { birth_or_death, split_or_merge, jitter }, compare = compare, exact = exact }
if not arg or not arg[0]:find "components.lua$" then return module end

-- Six of the velocities (1000 km/s) of 82 galaxies of the Corona Borealis region (Postman, Huchra and Geller 1986; Roeder
-- 1990).
local y = { 9.172, 16.084, 19.070, 21.492, 22.888, 26.690 }
local found, posterior, what = compare(y, tonumber(arg[1]) or 4000, 1)
print("components  sampled  +- error  exact")
for k = 1, PRIOR.most do
  local f = found[k] or { mean = 0, error = 0 }
  print(("%10d  %7.4f  %8.4f  %.4f"):format(k, f.mean, f.error, posterior[k]))
end
print(("moves: %d accepted, %d refused"):format(what.accepted, what.refused))
