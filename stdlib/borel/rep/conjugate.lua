-- SPDX-License-Identifier: MIT
--- Gibbs moves of sites whose conditional law is of the family of their prior: normal, gamma, inverse gamma, beta or
-- Dirichlet. The log-density of a family is c + sum of eta_k T_k(x); eta is found by running the program at as many values
-- of the site as there are unknowns, and compared at two more. So it does not matter how the value is used: beta with
-- Bernoulli or binomial, gamma with Poisson or exponential or the precision of normals, normal with normal of known scale (also
-- through sums and products with constants), Dirichlet with categorical and multinomial.
local core = require "borel.core"
local gibbs = require "borel.rep.gibbs"
local law = require "borel.law"
local move = require "borel.rep.move"
local options = require "borel.options"
local shapes = require "borel.shape"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "conjugate"

local conjugate = {}

local function make(name, ...) return law.constructors[name](...) end

-- Families by the law of the prior: (parameters) -> { T = statistics, at = values to run at, checks = two more, law(eta) =
-- the conditional law, nil when eta is of none }.
local families = {}

function families.normal(mean, sd)
  local function x(list)
    for i, z in ipairs(list) do list[i] = mean + sd * z end
    return list
  end
  return { at = x { -1.0, 0.0, 1.0 }, checks = x { -0.5, 2.0 },
    T = function(value)
      local z = (value - mean) / sd
      return { z, z * z }
    end,
    law = function(eta)
      local precision = -(MUTANT == 2 and 1 or 2) * eta[2]
      if precision > 0 then return make("normal", mean + sd * eta[1] / precision, sd / precision ^ 0.5) end
    end }
end

-- Positive numbers, T = { log x, power of x }, in units of `scale`.
local function positive(scale, power, to_law)
  local function x(list)
    for i, y in ipairs(list) do list[i] = scale * y end
    return list
  end
  return { at = x { 0.5, 1.0, 2.0 }, checks = x { 0.25, 3.0 }, law = to_law,
    T = function(value) return { math.log(value / scale), (value / scale) ^ power } end }
end

function families.gamma(shape, rate)
  return positive(shape / rate, 1, function(eta)
    if eta[1] > -1 and eta[2] < 0 then return make("gamma", eta[1] + (MUTANT == 3 and 2 or 1), -eta[2] * rate / shape) end
  end)
end

function families.exponential(rate) return families.gamma(1, rate) end

function families.inverse_gamma(shape, rate)
  local scale = rate / (shape + 1)
  return positive(scale, -1, function(eta)
    if eta[1] < -1 and eta[2] < 0 then return make("inverse_gamma", -eta[1] - 1, -eta[2] * scale) end
  end)
end

function families.beta()
  return { at = { 0.2, 0.5, 0.8 }, checks = { 0.05, 0.9 }, T = function(x) return { math.log(x), math.log(1 - x) } end,
    law = function(eta)
      if eta[1] > -1 and eta[2] > -1 then return make("beta", eta[1] + 1, eta[2] + 1) end
    end }
end

function families.dirichlet(alpha)
  local n = alpha.size
  local function towards(k, part)
    local x = {}
    for i = 1, n do x[i] = (1 - part) / n + (i == k and part or 0) end
    return core.array(x)
  end
  local at = { towards(1, 0.0) }
  for k = 1, n do at[k + 1] = towards(k, 0.5) end
  return { at = at, checks = { towards(1, 0.25), towards(n, 0.75) }, T = function(x) return shapes.flat(core.log(x)) end,
    law = function(eta)
      local a = {}
      for i = 1, n do
        a[i] = eta[i] + 1
        if a[i] <= 0 then return nil end
      end
      return make("dirichlet", core.array(a))
    end }
end

local function with_one(T)
  local row = { table.unpack(T) }
  row[#row + 1] = 1
  return row
end

-- The conditional law of the family from log-weights at its values: nil when they are not of the family.
local function fit(family, log_weight)
  local rows, right, most = {}, {}, 1
  for i, x in ipairs(family.at) do
    rows[i], right[i] = with_one(family.T(x)), log_weight(x)
    if not right[i] then return nil end
    most = math.max(most, math.abs(right[i]))
  end
  local eta = core.solve(core.array(rows), core.array(right)):totable()
  for _, x in ipairs(family.checks) do
    local want, got = log_weight(x), 0
    if not want then return nil end
    for k, t in ipairs(with_one(family.T(x))) do got = got + eta[k] * t end
    if got ~= got or math.abs(got - want) > 1e-8 * math.max(most, math.abs(want)) then return nil end
  end
  return family.law(eta)
end

--- rep.conjugate{ site = }: the step function of a block. The site is drawn from its conditional law given the others, which
-- must be of the family of its prior; an error where it is not. What is found is a proposal that does not look at the site's own
-- value, accepted by Green's ratio, which is 1 to rounding.
function conjugate.step(given)
  local site = options.check("rep.conjugate", given, { site = { type = "string" } }).site
  if not site then core.error "rep.conjugate: 'site' is missing, the address of a choice" end
  return function(u, world, lane, level, power)
    local old = unit.choices(u)
    local n = not u.dead and gibbs.place_of(old, u, site)
    if not n then return u, "nothing to move" end
    local dist = old.dist[n]
    local family = families[dist.law.name]
    if not family or #dist:batch_shape() > 0 or dist.modifier or u.inner then
      core.error(("conjugate: site '%s' has no family (%s); see rep.conditional"):format(site, tostring(dist)))
    end
    local run_with = gibbs.runs(u, world, lane, level, power, n)
    local found = fit(family(table.unpack(dist.args)), function(x)
      local y, log_weight = run_with(x)
      return y and log_weight
    end)
    if not found then
      core.error(("conjugate: given the other choices, site '%s' is not of the family of %s; see rep.conditional"):format(site,
        dist.law.name))
    end
    local x, value = old.value[n], found:draw(world:decision("value", lane))
    local y, log_weight = run_with(value)
    if not y then return u, "refused" end
    local log_ratio = log_weight - move.density(dist, x) - power * u.score
      + (MUTANT == 1 and 0 or move.density(found, x) - move.density(found, value))
    return move.decide(u, y, world, lane, log_ratio, move.at(site))
  end
end

return conjugate
