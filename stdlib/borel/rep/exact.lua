-- SPDX-License-Identifier: MIT
--- The exact meaning of a composition: every choice of its blocks and of the model enumerated, block by block. Populations
-- that are alike after a block are one from there on, and behind the last block that looks at a population as a whole,
-- units are: what comes after is linear in them.
local blocks = require "borel.rep.blocks"
local core = require "borel.core"
local unit = require "borel.rep.unit"
local worlds = require "borel.rep.world"

local exact = {}

-- The blocks of a composition, in order.
local function flat(b, list)
  list = list or {}
  if not b.parts then
    list[#list + 1] = b
    return list
  end
  for _, part in ipairs(b.parts) do flat(part, list) end
  return list
end

-- Adds `mass` with compensation (Neumaier).
local function add(state, mass)
  local old = state.mass
  local new = old + mass
  state.lost = state.lost + (math.abs(old) >= math.abs(mass) and (old - new) + mass or (mass - new) + old)
  state.mass = new
end

local function key_of(population, below)
  local parts = { ("%a"):format(below) }
  for i, u in ipairs(population.units) do
    parts[#parts + 1] = unit.key(u)
    parts[#parts + 1] = ("%a"):format(population.log_weights[i])
  end
  return table.concat(parts, "\\1")
end

-- Populations and their probabilities, by what they are.
local function put(states, population, below, mass)
  local key = key_of(population, below)
  local state = states[key]
  if not state then
    state = { population = population, below = below, mass = 0, lost = 0 }
    states[key], states[#states + 1] = state, state
  end
  add(state, mass)
end

-- Every state after block `b`; `counter.paths` of them may still be tried.
local function after(b, states, counter)
  local new = {}
  for _, state in ipairs(states) do
    local choice = core.enumerate(counter.budget)
    local probability = state.mass + state.lost
    while choice:next() do
      counter.paths = counter.paths + 1
      if counter.paths > counter.budget then
        core.error(("rep.enumerate: more than %d paths, the budget; in %s"):format(counter.budget, b.name))
      end
      local w = worlds.of(choice)
      w.log_weight = state.below
      local population = b.apply(state.population, w)
      put(new, population, w.log_weight, probability * choice:probability())
    end
  end
  return new
end

-- Every state after the blocks of `list`.
local function after_all(list, states, counter)
  for _, b in ipairs(list) do states = after(b, states, counter) end
  return states
end

local BUDGET = 1 << 22

--- merged(b): b as the whole of what is run inside a model, but where choices are enumerated its outcomes are found first,
-- and of those that are alike one remains: so it has as many branches as outcomes. b must leave finished units. Preserves
-- what b does.
function exact.merged(b)
  blocks.need("merged", b)
  local list, laws = flat(blocks.pipeline { b, blocks.marginal() }), {}
  local function law_of(population)
    local m, name = population.model, unit.text_of(population.arguments)
    laws[m] = laws[m] or {}
    if not laws[m][name] then
      local states = {}
      put(states, population, 0, 1)
      laws[m][name] = after_all(list, states, { paths = 0, budget = BUDGET })
    end
    return laws[m][name]
  end
  return blocks.new(("merged(%s)"):format(b.name), b.preserves, function(population, world)
    if not world:enumerates() then return b.apply(population, world) end
    local states, p = law_of(population), {}
    for i, state in ipairs(states) do p[i] = state.mass + state.lost end
    local chosen = states[world:decision("merged"):categorical(p)]
    world:weigh(chosen.below)
    return chosen.population
  end)
end

-- One unit a state: its mass is its weight times the probability of its population.
local function apart(states)
  local new = {}
  for _, state in ipairs(states) do
    local p = state.population
    for i, u in ipairs(p.units) do
      local mass = (state.mass + state.lost) * math.exp(p.log_weights[i] + state.below)
      if mass > 0 then put(new, { units = { u }, log_weights = { 0 }, level = p.level }, 0, mass) end
    end
  end
  return new
end

--- rep.enumerate(block, model, budget, ...): the measure of what `block` makes of model(...), every choice of both
-- enumerated, at most `budget` (nil: 4194304) runs of a block: a table from outcome ("1 0" for returned 1, 0) to mass, and the total.
function exact.enumerate(start)
  return function(block, m, budget, ...)
    blocks.need("rep.enumerate", block)
    local list, last = flat(block), 0
    for i, b in ipairs(list) do
      if not b.unitwise then last = i end
    end
    local states, counter = {}, { paths = 0, budget = budget or BUDGET }
    put(states, start("rep.enumerate", m, ...), 0, 1)
    if last == 0 then states = apart(states) end
    for i, b in ipairs(list) do
      states = after(b, states, counter)
      if i >= last then states = apart(states) end
    end
    local sums, measure, total = {}, {}, { mass = 0, lost = 0 }
    for _, state in ipairs(states) do
      local key, mass = unit.outcome(state.population.units[1].value), state.mass + state.lost
      sums[key] = sums[key] or { mass = 0, lost = 0 }
      add(sums[key], mass)
      add(total, mass)
    end
    for key, sum in pairs(sums) do measure[key] = sum.mass + sum.lost end
    return measure, total.mass + total.lost, counter.paths
  end
end

return exact
