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

local blocks = {}

-- The units and weights in place of those of `population`.
local function changed(population, units, log_weights, level)
  return { units = units, log_weights = log_weights, level = level or population.level }
end

-- `unitwise`: what becomes of a unit does not depend on the others.
local function block(name, preserves, apply, unitwise)
  return { is_block = true, name = name, preserves = preserves, apply = apply, unitwise = unitwise }
end

local function whole(what, n, least)
  if math.type(n) ~= "integer" or n < least then
    core.error(("%s is %s, must be a whole number of at least %d"):format(what, tostring(n), least))
  end
  return n
end

function blocks.need(what, value)
  if type(value) ~= "table" or not value.is_block then
    core.error(("%s: needs a block such as rep.advance(), got a %s"):format(what, type(value)))
  end
  return value
end

--- log of the sum of the weights, -inf for a population without mass.
function blocks.log_evidence(population)
  local most = -math.huge
  for _, w in ipairs(population.log_weights) do
    if w > most then most = w end
  end
  if most == -math.huge then return most end
  local sum = 0
  for _, w in ipairs(population.log_weights) do sum = sum + math.exp(w - most) end
  return most + math.log(sum)
end

--- Weights that sum to 1.
function blocks.normalised(population, log_evidence)
  local weights = {}
  for i, w in ipairs(population.log_weights) do weights[i] = math.exp(w - log_evidence) end
  return weights
end

local function effective_size(weights)
  local squares = 0
  for _, w in ipairs(weights) do squares = squares + w * w end
  return 1 / squares
end

-- ---- populations ----------------------------------------------------------------------------------------------------

--- spawn(n): n copies of each unit, each with 1/n of its weight. Preserves the measure: n times 1/n is 1.
function blocks.spawn(n)
  whole("spawn: the number of particles", n, 1)
  return block(("spawn(%d)"):format(n), "measure", function(population)
    local units, log_weights, log_n = {}, {}, math.log(n)
    for i, u in ipairs(population.units) do
      for _ = 1, n do
        units[#units + 1], log_weights[#units + 1] = u, population.log_weights[i] - log_n
      end
    end
    return changed(population, units, log_weights)
  end)
end

--- resample{ scheme = "systematic", ess = 1 }: as many offspring, drawn in proportion to the weights, each with the mean
-- weight; only where the effective sample size is below `ess` of the particles (1: always). A population without mass stays as it
-- is. Preserves the measure for every scheme whose expected numbers of offspring are proportional to the weights.
function blocks.resample(given)
  local scheme, threshold = given.resampler, given.ess or 1
  return block("resample", "measure", function(population, world)
    local total, n = blocks.log_evidence(population), #population.units
    if total == -math.huge then return population end
    local weights = blocks.normalised(population, total)
    if threshold < 1 and effective_size(weights) >= threshold * n then return population end
    world:turn()
    local units, log_weights, each = {}, {}, total - math.log(n)
    for i, ancestor in ipairs(scheme(world:decision("ancestors"), weights, n)) do
      units[i], log_weights[i] = population.units[ancestor], each
    end
    return changed(population, units, log_weights)
  end)
end

--- push_evidence: the population's total becomes a factor of the layer below, its weights sum to 1. Preserves the
-- measure.
function blocks.push_evidence()
  return block("push_evidence", "measure", function(population, world)
    local total = blocks.log_evidence(population)
    world:weigh(total)
    if total == -math.huge then return population end
    local log_weights = {}
    for i, w in ipairs(population.log_weights) do log_weights[i] = w - total end
    return changed(population, population.units, log_weights)
  end)
end

--- proper: one unit drawn in proportion to the weights, with the weight of all. Preserves the measure.
function blocks.proper()
  return block("proper", "measure", function(population, world)
    local total, chosen = blocks.log_evidence(population), 1
    if total > -math.huge and #population.units > 1 then
      world:turn()
      chosen = world:decision("proper"):categorical(blocks.normalised(population, total))
    end
    return changed(population, { population.units[chosen] }, { total })
  end)
end

--- collapse: proper, then its weight becomes a factor of the layer below. Preserves the measure.
function blocks.collapse() return blocks.pipeline { blocks.proper(), blocks.push_evidence() } end

-- ---- suspended programs ---------------------------------------------------------------------------------------------

local function each_unit(population, fn, level)
  local units, log_weights = {}, {}
  for i, u in ipairs(population.units) do
    local new, log_factor = fn(u, i - 1)
    units[i], log_weights[i] = new, population.log_weights[i] + (log_factor or 0)
  end
  return changed(population, units, log_weights, level)
end

local function run_on(factors)
  return function(population, world)
    world:turn()
    local level = population.level + factors
    return each_unit(population, function(u, lane)
      local new = unit.advance(u, world, lane, level)
      if new == u then return u end
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

--- mh_step{ sites =, proposals = }: a Metropolis-Hastings-Green move of each unit's choices, given how far it has run
-- (move.step). Preserves the measure: the move leaves the law of the program up to there as it is; weights stay.
function blocks.mh_step(given)
  given = given or {}
  return block("mh_step", "measure", function(population, world)
    world:turn()
    return each_unit(population, function(u, lane)
      local new, what = move.step(u, world, lane, population.level, given)
      local count = world.counts
      if count then count[what] = (count[what] or 0) + 1 end
      return new
    end)
  end, true)
end

--- freeze: the choices made so far become constants, which later moves leave alone. Preserves the measure.
function blocks.freeze()
  return block("freeze", "measure", function(population) return each_unit(population, unit.freeze) end, true)
end

--- marginal: forgets how finished units came to their values; they can no longer move. Preserves the measure.
function blocks.marginal()
  return block("marginal", "measure", function(population) return each_unit(population, unit.forget) end, true)
end

--- unweighted: drops the weights. Does not preserve the measure: for the report of a chain, whose law tends to the
-- normalised one.
function blocks.unweighted()
  return block("unweighted", "asymptotic", function(population)
    local log_weights = {}
    for i in ipairs(population.units) do log_weights[i] = 0 end
    return changed(population, population.units, log_weights)
  end)
end

-- Has a unit that has not ended?
local function runs_on(population)
  for _, u in ipairs(population.units) do
    if not (u.finished or u.dead) then return true end
  end
  return false
end

-- ---- composing --------------------------------------------------------------------------------------------------------

local RANK = { measure = 1, scale = 2, asymptotic = 3 }

blocks.new = block

local function composed(name, preserves, list)
  local self = block(name, preserves, function(population, world)
    for _, b in ipairs(list) do population = b.apply(population, world) end
    return population
  end)
  self.parts = list
  return self
end

--- pipeline{ b1, b2, ... }: one block after the other. Preserves what all of them do.
function blocks.pipeline(list)
  local names, weakest = {}, "measure"
  for i, b in ipairs(list) do
    blocks.need(("pipeline: part %d"):format(i), b)
    names[i] = b.name
    if RANK[b.preserves] > RANK[weakest] then weakest = b.preserves end
  end
  return composed("pipeline{ " .. table.concat(names, ", ") .. " }", weakest, list)
end

--- times(n, b): b, n times. Preserves what b does.
function blocks.times(n, b)
  whole("times: the number", n, 0)
  blocks.need("times", b)
  local list = {}
  for i = 1, n do list[i] = b end
  return composed(("times(%d, %s)"):format(n, b.name), b.preserves, list)
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
