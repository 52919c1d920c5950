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
  local whole = getmetatable(population.units) ~= nil -- a population in arrays
  if whole then parts[2] = population.units:key() end
  for i = 1, #population.units do
    if not whole then parts[#parts + 1] = unit.key(population.units[i]) end
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
    local whole = getmetatable(p.units) ~= nil
    for i = 1, #p.units do
      local mass = (state.mass + state.lost) * math.exp(p.log_weights[i] + state.below)
      if mass > 0 then
        local units, log_weights = { p.units[i] }, { 0 }
        if whole then units, log_weights = p.units:take { i }, core.zeros(1) end
        put(new, { units = units, log_weights = log_weights, level = p.level }, 0, mass)
      end
    end
  end
  return new
end

--- The states from which model(...) starts: one unit that has not begun.
local function first_states(start, what, m, ...)
  local states = {}
  put(states, start(what, m, ...), 0, 1)
  return states
end

-- The sum of what is added, by key.
local function sums_by(states, what)
  local sums, total = {}, { mass = 0, lost = 0 }
  for _, state in ipairs(states) do
    local key, mass = what(state), state.mass + state.lost
    sums[key] = sums[key] or { mass = 0, lost = 0 }
    add(sums[key], mass)
    add(total, mass)
  end
  local measure = {}
  for key, sum in pairs(sums) do measure[key] = sum.mass + sum.lost end
  return measure, total.mass + total.lost
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
    local states, counter = first_states(start, "rep.enumerate", m, ...), { paths = 0, budget = budget or BUDGET }
    if last == 0 then states = apart(states) end
    for i, b in ipairs(list) do
      states = after(b, states, counter)
      if i >= last then states = apart(states) end
    end
    local measure, total = sums_by(states, function(state) return unit.outcome(state.population.units[1].value) end)
    return measure, total, counter.paths
  end
end

--- rep.law(block, statistic, model, budget, ...): the exact law of statistic(population, log_weight), a number or a text,
-- log_weight that of the layer below, for the population that `block` makes of model(...): a table from value to
-- probability, and their sum. With it second moments are exact, such as the variance of an evidence.
function exact.law(start)
  return function(block, statistic, m, budget, ...)
    blocks.need("rep.law", block)
    local counter = { paths = 0, budget = budget or BUDGET }
    local states = after_all(flat(block), first_states(start, "rep.law", m, ...), counter)
    return sums_by(states, function(state) return statistic(state.population, state.below) end)
  end
end

-- ---- transition matrices ------------------------------------------------------------------------------------------------

local Matrix = {}
Matrix.__index = Matrix

-- The single unit that a kernel made of a single unit, as the key of its state.
local function moved_to(state, kernel)
  local p = state.population
  if #p.units ~= 1 or p.log_weights[1] ~= 0 or state.below ~= 0 then
    core.error(("rep.matrix: %s does not move one unit at a time, or changes weights"):format(kernel.name))
  end
  return key_of(p, 0)
end

--- rep.matrix(block, model, { start = rep.finish(), budget = }, ...): the transition matrix of a block that moves one unit
-- at a time and leaves weights alone, over every unit that `start` makes of model(...) with mass above zero, by
-- enumerating the choices of the block from each of them. Fields: units, outcomes (texts of what they return), mass, total,
-- row[i][j] = the probability of going from i to j (nil: 0), outside[i] = that of leaving these units.
function exact.matrix(start)
  return function(kernel, m, given, ...)
    blocks.need("rep.matrix", kernel)
    given = given or {}
    local counter = { paths = 0, budget = given.budget or BUDGET }
    local first = blocks.need("rep.matrix: start", given.start or blocks.finish())
    local states = apart(after_all(flat(first), first_states(start, "rep.matrix", m, ...), counter))
    local self = setmetatable({ kernel = kernel, units = {}, outcomes = {}, mass = {}, row = {}, outside = {}, total = 0 }, Matrix)
    local place = {}
    for i, state in ipairs(states) do
      place[key_of(state.population, 0)] = i
      self.units[i], self.mass[i] = state.population.units[1], state.mass + state.lost
      self.outcomes[i] = unit.outcome(self.units[i].value)
      self.total = self.total + self.mass[i]
    end
    local list = flat(kernel)
    for i, state in ipairs(states) do
      local from = {}
      put(from, state.population, 0, 1)
      local row, outside = {}, 0
      for _, to in ipairs(after_all(list, from, counter)) do
        local j, p = place[moved_to(to, kernel)], to.mass + to.lost
        if j then row[j] = (row[j] or 0) + p else outside = outside + p end
      end
      self.row[i], self.outside[i] = row, outside
    end
    return self
  end
end

--- The probability of going from where the program returns `from` to where it returns `to` (the first such units).
function Matrix:between(from, to)
  local i, j
  for k = #self.outcomes, 1, -1 do
    if self.outcomes[k] == from then i = k end
    if self.outcomes[k] == to then j = k end
  end
  if not i or not j then core.error(("rep.matrix: nothing returns %s"):format(i and to or from)) end
  return self.row[i][j] or 0
end

-- Which units a walk from `first` meets along steps(i), a table with them as keys, and in how many steps.
local function walk(first, steps)
  local distance, queue = { [first] = 0 }, { first }
  for _, i in ipairs(queue) do
    for j in pairs(steps(i)) do
      if not distance[j] then distance[j], queue[#queue + 1] = distance[i] + 1, j end
    end
  end
  return distance, #queue
end

local function gcd(a, b)
  while b ~= 0 do a, b = b, a % b end
  return a
end

--- What the matrix says of its block: { rows, stationary, reversible = the largest differences of row sums from 1, of
-- mass K from mass, of mass_i K_ij from mass_j K_ji, the latter two as parts of the total; connected = K leads from every unit to every
-- other; period = the common divisor of its cycles through the first }.
function Matrix:report()
  local n, report, into, back = #self.units, { rows = 0, stationary = 0, reversible = 0 }, {}, {}
  for i = 1, n do into[i], back[i] = { mass = 0, lost = 0 }, {} end
  for i, row in ipairs(self.row) do
    local sum = self.outside[i]
    for j, p in pairs(row) do
      sum = sum + p
      add(into[j], self.mass[i] * p)
      if p > 0 then back[j][i] = true end
      report.reversible = math.max(report.reversible, math.abs(self.mass[i] * p - self.mass[j] * (self.row[j][i] or 0)) / self.total)
    end
    report.rows = math.max(report.rows, math.abs(sum - 1))
  end
  for j = 1, n do
    report.stationary = math.max(report.stationary, math.abs(into[j].mass + into[j].lost - self.mass[j]) / self.total)
  end
  local there, met = walk(1, function(i) return self.row[i] end)
  local _, met_back = walk(1, function(i) return back[i] end)
  report.connected, report.period = met == n and met_back == n, 0
  for i in pairs(there) do
    for j in pairs(self.row[i]) do report.period = gcd(report.period, math.abs(there[i] + 1 - there[j])) end
  end
  return report
end

return exact
