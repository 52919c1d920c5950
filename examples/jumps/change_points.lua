-- SPDX-License-Identifier: MIT
-- Change points of a Poisson process, as many as the data ask for: explosions in British coal mines, 1851 to 1962, by
-- reversible jumps (Green 1995, section 4, here with changes at the turn of a year). Births split a rate into two with the
-- same weighted geometric mean, deaths are the way back; Borel finds the Jacobian. Since rates are conjugate, the
-- posterior is also known exactly, by a sum over all configurations (Fearnhead 2006), and the two are compared.
--   borel run examples/jumps/change_points.lua -- [DRAWS [birth_or_death.so]]
local frequencies = require "frequencies"
local rep = borel.rep
local PRIOR = { mean_changes = 3, shape = 2, rate = 1 } -- of the number of changes; of a year's rate: gamma(shape, rate)

-- ---- the model ------------------------------------------------------------------------------------------------------------

local function rate_at(t) return ("rate[%d]"):format(t) end

-- change[t] = 1: year t + 1 has another rate than year t, called rate[t]; the first years have rate[0].
local model = borel.model(function(counts)
  local years = #counts
  local change = sample("change", dist.bernoulli(PRIOR.mean_changes / (years - 1)):iid(years - 1))
  local flags, rate, rates, changes = change:totable(), sample({ "rate", 0 }, dist.gamma(PRIOR.shape, PRIOR.rate)), {}, 0
  for t = 1, years do
    if t > 1 and flags[t - 1] == 1 then
      rate, changes = sample({ "rate", t - 1 }, dist.gamma(PRIOR.shape, PRIOR.rate)), changes + 1
    end
    rates[t] = rate
  end
  observe("counts", dist.poisson(borel.array(rates)), counts)
  return changes
end)

-- ---- the moves --------------------------------------------------------------------------------------------------------------

-- Where the segments begin that lie before, at and behind t: the last change before t (0: none), the first behind it.
local function around(flags, t)
  local before, behind = t - 1, t + 1
  while before > 0 and flags[before] ~= 1 do before = before - 1 end
  while behind <= #flags and flags[behind] ~= 1 do behind = behind + 1 end
  return before, behind
end

-- A change begins or ends at a place drawn at random. With a years before and b behind it in the segment,
-- a log r1 + b log r2 = (a + b) log r and r2 / r1 = v.
local function where_and_how(trace)
  local at = sample("at", dist.discrete_uniform(1, trace.change.size))
  if trace.change[at] == 0 then sample("v", dist.lognormal(0, 1)) end
end

local birth_or_death = rep.involutive {
  auxiliary = where_and_how,
  involution = function(trace, aux)
    local flags, at = trace.change:totable(), aux.at
    local before, behind = around(flags, at)
    local share = (behind - at) / (behind - before) -- b / (a + b)
    local r1 = trace[rate_at(before)]
    flags[at] = 1 - flags[at]
    local change = borel.array(flags, "i64")
    if flags[at] == 1 then
      local first = r1 * aux.v ^ -share
      return { change = change, [rate_at(before)] = first, [rate_at(at)] = first * aux.v }, { at = at }
    end
    local v = trace[rate_at(at)] / r1
    return { change = change, [rate_at(before)] = r1 * v ^ share }, { at = at, v = v }
  end,
}

-- The same by birth_or_death.c, built as its head says; `places` are those of `change`.
local function birth_or_death_in_c(path, places)
  return rep.involutive { auxiliary = where_and_how, involution = borel.involution(path, { places = places }),
    names = function(trace, aux)
      local before = around(trace.change:totable(), aux.at)
      return { first = rate_at(before), second = rate_at(aux.at) }
    end }
end

-- A change moves by some years.
local shift = rep.involutive {
  auxiliary = function(trace)
    sample("at", dist.discrete_uniform(1, trace.change.size))
    sample("by", dist.discrete_uniform(-5, 5))
  end,
  involution = function(trace, aux)
    local flags, at = trace.change:totable(), aux.at
    local to = at + aux.by
    local before, behind = around(flags, at)
    if flags[at] == 0 or to <= before or to >= behind or to == at then return nil end
    flags[at], flags[to] = 0, 1
    return { change = borel.array(flags, "i64"), [rate_at(to)] = trace[rate_at(at)] }, { at = to, by = -aux.by }
  end,
}

-- One rate is scaled. d(rate e^by, -by) / d(rate, by) has the determinant -e^by.
local scale = rep.involutive {
  auxiliary = function(trace)
    local starts = { 0 }
    for t, flag in ipairs(trace.change:totable()) do
      if flag == 1 then starts[#starts + 1] = t end
    end
    sample("which", dist.discrete_uniform(1, #starts))
    sample("by", dist.normal(0, 0.3))
  end,
  involution = function(trace, aux)
    local at, left = 0, aux.which - 1
    for t, flag in ipairs(trace.change:totable()) do
      if flag == 1 and left > 0 then at, left = t, left - 1 end
    end
    return { [rate_at(at)] = trace[rate_at(at)] * math.exp(aux.by) }, { which = aux.which, by = -aux.by }
  end,
  log_jacobian = function(_, aux) return aux.by end,
}

-- ---- the exact posterior ------------------------------------------------------------------------------------------------------

-- P(k changes | counts), k = 0 .. most - 1: a sum over all configurations, one segment at a time.
local function exact(counts, most)
  local years, p, a, b = #counts, PRIOR.mean_changes / (#counts - 1), PRIOR.shape, PRIOR.rate
  local sums = { [0] = 0 }
  for t = 1, years do sums[t] = sums[t - 1] + counts[t] end
  local function log_evidence(s, t) -- of years s + 1 .. t with one rate; 1 / y! is the same for all configurations
    local events, length = sums[t] - sums[s], t - s
    return a * math.log(b) - borel.lgamma(a) + borel.lgamma(a + events) - (a + events) * math.log(b + length)
      + (length - 1) * math.log(1 - p)
  end
  local best = log_evidence(0, years)
  local table_of = { [0] = {} } -- [k][t]: years 1 .. t with k changes
  for t = 1, years do table_of[0][t] = log_evidence(0, t) end
  for k = 1, most - 1 do
    table_of[k] = {}
    for t = k + 1, years do
      local parts = {}
      for s = k, t - 1 do parts[#parts + 1] = table_of[k - 1][s] + math.log(p) + log_evidence(s, t) end
      table_of[k][t] = borel.log_sum_exp(borel.array(parts))
    end
  end
  local posterior, total = {}, 0
  for k = 0, most - 1 do
    posterior[k] = math.exp((table_of[k][years] or -math.huge) - best)
    total = total + posterior[k]
  end
  for k = 0, most - 1 do posterior[k] = posterior[k] / total end
  return posterior
end

-- ---- run ------------------------------------------------------------------------------------------------------------------------

local function yearly(path)
  local counts = {}
  for year = 1851, 1962 do counts[year - 1850] = 0 end
  for _, date in ipairs(borel.read(path).date:totable()) do
    local t = math.floor(date) - 1850
    counts[t] = counts[t] + 1
  end
  return counts
end

--- Posterior of the number of changes: from `draws` draws with its Monte Carlo errors (batch means), and exact. `plugin`:
-- the path of birth_or_death.so, or nil.
local function compare(counts, draws, seed, plugin)
  local jump = plugin and birth_or_death_in_c(plugin, #counts - 1) or birth_or_death
  local kernel = rep.pipeline { jump, jump, shift, scale, scale, scale }
  local values, what = rep.chain(kernel, model, { draws = draws, seed = seed }, counts)
  local posterior = exact(counts, math.min(#counts, 15))
  return frequencies(values), posterior, what
end

local module = { model = model, kernels = { birth_or_death, shift, scale }, in_c = birth_or_death_in_c, compare = compare, exact = exact }
if not arg or not arg[0]:find "change_points.lua$" then return module end

local counts = yearly((arg[0]:gsub("[^/]*$", "coal.csv")))
local found, posterior, what = compare(counts, tonumber(arg[1]) or 4000, 1, arg[2])
print("changes  sampled  +- error  exact")
for k = 0, 8 do
  local f = found[k] or { mean = 0, error = 0 }
  print(("%7d  %7.4f  %8.4f  %.4f"):format(k, f.mean, f.error, posterior[k]))
end
print(("moves: %d accepted, %d refused"):format(what.accepted, what.refused))
