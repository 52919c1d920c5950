-- SPDX-License-Identifier: MIT
--- Blocks: what inference is made of. A block takes a population - units with log-weights, unnormalised, and the level,
-- the number of factors behind which they stand unless they ended before - and returns another. The meaning of a
-- population is the measure E[sum of w_i f(x_i)] times the weight of the layer below, where x_i is what unit i returns
-- when it is run to its end, its remaining factors multiplied in. Each block says what it does to that meaning.
--
-- Sources: Scibior, Kammar, Vakar, Staton et al., Denotational validation of higher-order Bayesian inference, POPL
-- 2018; Scibior, Kammar, Ghahramani, Functional programming for modular Bayesian inference, ICFP 2018.
local core = require "borel.core"
local move = require "borel.rep.move"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "blocks"

local blocks = {}

-- The units and weights in place of those of `population`.
local function changed(population, units, log_weights, level)
  return { units = units, log_weights = log_weights, level = level or population.level, power = population.power }
end

-- `unitwise`: what becomes of a unit does not depend on the others. `kernel`: units move, given how far they have run,
-- and weights stay; where population.power is set, the target is the law of their choices times exp(power * score).
-- `reversible`: a kernel in detailed balance.
local function block(name, preserves, apply, unitwise, kernel, reversible)
  return { is_block = true, name = name, preserves = preserves, apply = apply, unitwise = unitwise, kernel = kernel,
    reversible = reversible }
end

local function whole(what, n, least)
  if math.type(n) ~= "integer" or n < least then
    core.error(("%s is %s, must be a whole number of at least %d"):format(what, tostring(n), least))
  end
  return n
end

blocks.whole = whole

function blocks.need(what, value)
  if type(value) ~= "table" or not value.is_block then
    core.error(("%s: needs a block such as rep.advance(), got a %s"):format(what, type(value)))
  end
  return value
end

--- log of the sum of the weights, -inf for a population without mass.
function blocks.log_evidence(population) return core.log_total(population.log_weights) end

-- Is it a population in arrays (borel/rep/particles.lua)? Its log-weights are one, too.
local function in_arrays(population) return getmetatable(population.units) ~= nil end

-- A list of the ancestors[i]-th units.
local function taken(population, ancestors)
  if in_arrays(population) then return population.units:take(ancestors) end
  local units = {}
  for i, ancestor in ipairs(ancestors) do units[i] = population.units[ancestor] end
  return units
end

-- n equal log-weights.
local function equal_weights(population, n, each)
  if in_arrays(population) then return core.zeros(n) + each end
  local list = {}
  for i = 1, n do list[i] = each end
  return list
end

-- The same log-weights less a number.
local function less(population, number)
  local old = population.log_weights
  if in_arrays(population) then return old - number end
  local list = {}
  for i, w in ipairs(old) do list[i] = w - number end
  return list
end

-- ---- populations ----------------------------------------------------------------------------------------------------

--- spawn(n): n copies of each unit, each with 1/n of its weight. Preserves the measure: n times 1/n is 1.
function blocks.spawn(n)
  whole("spawn: the number of particles", n, 1)
  return block(("spawn(%d)"):format(n), "measure", function(population)
    local ancestors, log_weights = {}, less(population, MUTANT == 16 and 0 or math.log(n))
    for i = 1, #population.units do
      for _ = 1, n do ancestors[#ancestors + 1] = i end
    end
    local many = {}
    if in_arrays(population) then
      many = log_weights[core.array(ancestors, "i64")]
    else
      for i, ancestor in ipairs(ancestors) do many[i] = log_weights[ancestor] end
    end
    return changed(population, taken(population, ancestors), many)
  end)
end

-- For mutants: every unit with the same weight, of exp(total) in all.
local function levelled(population, total)
  local n = #population.units
  return changed(population, population.units, equal_weights(population, n, total - math.log(n)))
end

local wrong_weight = {
  function() return 1 end,
  function(w) return w * w end,
  function(_, is_last) return is_last and 0 or 1 end,
}

local function ancestors(scheme, choice, weights, n)
  local wrong, list = wrong_weight[MUTANT], {}
  if wrong then
    for i, w in ipairs(weights) do list[i] = wrong(w, i == n and n > 1) end
    return scheme(choice, list, n)
  end
  if MUTANT == 12 then
    local first = choice:categorical(weights)
    for i = 1, n do list[i] = first end
    return list
  end
  return scheme(choice, weights, n)
end

local function offspring_weights(population, list, each)
  local n = #population.units
  if MUTANT == 6 then
    local own = {}
    for i, ancestor in ipairs(list) do own[i] = population.log_weights[ancestor] end
    return own
  end
  return equal_weights(population, n, MUTANT == 4 and -math.log(n) or MUTANT == 5 and each + math.log(n) or each)
end

--- resample{ resampler = function(source, weights, n) -> ancestors, arrays = false, ess = 1 }: as many offspring, drawn in
-- proportion to the weights, each with the mean weight; only where the effective sample size is below `ess` of the particles (1:
-- always). `arrays`: a population in arrays gives and takes weights and ancestors as such, otherwise they are lists. A population
-- without mass stays as it is. Preserves the measure for every scheme whose expected numbers of offspring are proportional to
-- the weights.
function blocks.resample(given)
  local scheme, threshold = given.resampler, given.ess or 1
  return block("resample", "measure", function(population, world)
    local total, n = blocks.log_evidence(population), #population.units
    if total == -math.huge then return MUTANT == 8 and levelled(population, 0) or population end
    local weights, size = core.normalised(population.log_weights, total)
    if threshold < 1 and size >= threshold * n then return MUTANT == 11 and levelled(population, total) or population end
    world:turn()
    if in_arrays(population) and not given.arrays then weights = weights:totable() end
    local list = ancestors(scheme, world:decision("ancestors"), weights, n)
    return changed(population, taken(population, list), offspring_weights(population, list, total - math.log(n)))
  end)
end

--- push_evidence: the population's total becomes a factor of the layer below, its weights sum to 1. Preserves the
-- measure.
function blocks.push_evidence()
  return block("push_evidence", "measure", function(population, world)
    local total = blocks.log_evidence(population)
    world:weigh(total)
    if total == -math.huge then return population end
    return changed(population, population.units, less(population, MUTANT == 13 and 0 or total))
  end)
end

--- proper: one unit drawn in proportion to the weights, with the weight of all. Preserves the measure.
function blocks.proper()
  return block("proper", "measure", function(population, world)
    local total, chosen = blocks.log_evidence(population), 1
    if total > -math.huge and #population.units > 1 then
      world:turn()
      local choice = world:decision("proper")
      chosen = MUTANT == 14 and choice:uniform_int(#population.units) + 1
        or choice:categorical((core.normalised(population.log_weights, total)))
    end
    local each = MUTANT == 15 and population.log_weights[chosen] or total
    return changed(population, taken(population, { chosen }), equal_weights(population, 1, each))
  end)
end

--- collapse: proper, then its weight becomes a factor of the layer below. Preserves the measure.
function blocks.collapse() return blocks.pipeline { blocks.proper(), blocks.push_evidence() } end

-- ---- suspended programs ---------------------------------------------------------------------------------------------

local function each_unit(population, fn, level)
  if in_arrays(population) then
    core.error "a population in arrays has no traces that could move: run the model itself, not rep.batched(model) or a state space"
  end
  local units, log_weights = {}, {}
  for i, u in ipairs(population.units) do
    local new, log_factor = fn(u, i - 1)
    units[i], log_weights[i] = new, (MUTANT == 7 and log_factor and 0 or population.log_weights[i]) + (log_factor or 0)
  end
  return changed(population, units, log_weights, level)
end

local function run_on(factors)
  return function(population, world)
    world:turn()
    local level = population.level + factors
    if in_arrays(population) then
      local units = population.units:advance(world, level)
      return changed(population, units, core.weighed(population.log_weights, population.units.score, units.score), level)
    end
    return each_unit(population, function(u, lane)
      local new = unit.advance(u, world, lane, level)
      if new == u then return u, MUTANT == 9 and u.finished and factors == 1 and -math.huge or nil end
      if MUTANT == 10 and factors == math.huge then return new, 0 end
      return new, new.dead and -math.huge or new.score - u.score
    end, level)
  end
end

--- advance: every unit runs to just behind its next factor, which multiplies its weight, or to its end. Preserves the
-- measure: what was run is no longer ahead.
function blocks.advance() return block("advance", "measure", run_on(1), true) end

--- finish: every unit runs to its end, all of its remaining factors multiply its weight. Preserves the measure.
function blocks.finish() return block("finish", "measure", run_on(math.huge), true) end

-- ---- traces -----------------------------------------------------------------------------------------------------------

--- A block that moves each unit by step(unit, world, lane, level, power) -> unit, what happened ("accepted", "refused",
-- ...) and, of a ratio that is not a number, by what; a kernel on the runs of the program up to factor `level` in detailed
-- balance with the law of their choices times exp(power * score). The world notes what happened. Preserves the measure; weights stay.
function blocks.kernel(name, step)
  return block(name, "measure", function(population, world)
    world:turn()
    local power = population.power or 1
    return each_unit(population, function(u, lane)
      local new, what, where = step(u, world, lane, population.level, power)
      world:note(step, name, what, where)
      return new
    end)
  end, true, true, true)
end

-- A list of addresses as a set of them; a set stays.
local function set_of(sites)
  if not sites or sites[1] == nil then return sites end
  local set = {}
  for _, address in ipairs(sites) do set[address] = true end
  return set
end

--- mh_step{ sites = { "x" }, proposals = }: a Metropolis-Hastings-Green move of each unit's choices, given how far it has run
-- (move.step). Preserves the measure: the move leaves the law of the program up to there as it is; weights stay.
function blocks.mh_step(given)
  given = { sites = set_of(given and given.sites), proposals = given and given.proposals }
  return blocks.kernel("mh_step", function(u, world, lane, level, power) return move.step(u, world, lane, level, given, power) end)
end

--- freeze: the choices made so far become constants, which later moves leave alone. Preserves the measure.
function blocks.freeze()
  return block("freeze", "measure", function(population)
    if in_arrays(population) then return population end -- none of its choices can move
    return each_unit(population, unit.freeze)
  end, true)
end

--- marginal: forgets how finished units came to their values; they can no longer move. Preserves the measure.
function blocks.marginal()
  return block("marginal", "measure", function(population)
    if in_arrays(population) then return changed(population, population.units:forget(), population.log_weights) end
    return each_unit(population, unit.forget)
  end, true)
end

--- unweighted: drops the weights. Does not preserve the measure: for the report of a chain, whose law tends to the
-- normalised one.
function blocks.unweighted()
  return block("unweighted", "asymptotic", function(population)
    return changed(population, population.units, equal_weights(population, #population.units, 0))
  end)
end

-- Has a unit that has not ended?
local function runs_on(population)
  if in_arrays(population) then return not (population.units.finished or population.units.dead) end
  for _, u in ipairs(population.units) do
    if not (u.finished or u.dead) then return true end
  end
  return false
end

-- ---- composing --------------------------------------------------------------------------------------------------------

local RANK = { measure = 1, scale = 2, asymptotic = 3 }

blocks.new = block

-- Of the parts of a composition: the weakest that they preserve, and whether all of them have a property.
local function weakest(list)
  local least = "measure"
  for _, b in ipairs(list) do
    if RANK[b.preserves] > RANK[least] then least = b.preserves end
  end
  return least
end

local function all(list, property)
  for _, b in ipairs(list) do
    if not b[property] then return nil end
  end
  return true
end

local function sequence(name, list)
  local self = block(name, weakest(list), function(population, world)
    for _, b in ipairs(list) do population = b.apply(population, world) end
    return population
  end, nil, all(list, "kernel"))
  self.parts = list
  return self
end

--- pipeline{ b1, b2, ... }: one block after the other. Preserves what all of them do.
function blocks.pipeline(list)
  local names = {}
  for i, b in ipairs(list) do names[i] = blocks.need(("pipeline: part %d"):format(i), b).name end
  return sequence("pipeline{ " .. table.concat(names, ", ") .. " }", list)
end

--- times(n, b): b, n times. Preserves what b does.
function blocks.times(n, b)
  whole("times: the number", n, 0)
  blocks.need("times", b)
  local list = {}
  for i = 1, n do list[i] = b end
  local self = sequence(("times(%d, %s)"):format(n, b.name), list)
  self.reversible = b.reversible
  return self
end

--- mixture{ { b1, weight1 }, { b2, weight2 }, ... }: one of the blocks, drawn in proportion to the weights, which do not look
-- at the units. Preserves what all of them do; of reversible kernels, reversible.
function blocks.mixture(given)
  local list, weights, names, total = {}, {}, {}, 0
  for i, part in ipairs(given) do
    if type(part) ~= "table" or part.is_block then core.error(("mixture: part %d must be { block, weight }"):format(i)) end
    list[i], weights[i] = blocks.need(("mixture: part %d"):format(i), part[1]), part[2] or 1
    if type(weights[i]) ~= "number" or not (weights[i] >= 0 and weights[i] < math.huge) then
      core.error(("mixture: weight %d is %s, must be a number of at least 0"):format(i, tostring(part[2])))
    end
    names[i], total = list[i].name, total + weights[i]
  end
  if total <= 0 then core.error("mixture: no part has a weight above 0") end
  for i, w in ipairs(weights) do weights[i] = w / total end
  return block("mixture{ " .. table.concat(names, ", ") .. " }", weakest(list), function(population, world)
    world:turn()
    return list[world:decision("mixture"):categorical(weights)].apply(population, world)
  end, all(list, "unitwise"), all(list, "kernel"), all(list, "reversible"))
end

--- throughout(b): b behind every factor, until all units have ended. Preserves what b does: each round does, and no
-- round is begun or left out for what it would do.
function blocks.throughout(b)
  blocks.need("throughout", b)
  local advance = blocks.advance()
  return block(("throughout(%s)"):format(b.name), b.preserves, function(population, world)
    population = advance.apply(population, world)
    while runs_on(population) do population = advance.apply(b.apply(population, world), world) end
    return population
  end)
end

--- hoist(b), hoist_first(b): b beneath a layer of traces, b before the first suspension. Units carry trace and suspension
-- themselves, so each is b: the words say, as in the papers, at which layer a composition works.
function blocks.hoist(b) return blocks.need("hoist", b) end
blocks.hoist_first = blocks.hoist

return blocks
