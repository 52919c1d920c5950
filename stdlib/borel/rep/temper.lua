-- SPDX-License-Identifier: MIT
--- Tempering on traces: the law of a program's choices times exp(power * score), at powers between 0 and 1, so that moves
-- which the factors stop get through. Replicas (Geyer 1991) carry such laws beside a unit and change places with it;
-- tempered transitions (Neal 1996) go down the ladder of powers and come back in one move.
local blocks = require "borel.rep.blocks"
local core = require "borel.core"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "temper"

local temper = {}

local function checked_ladder(what, ladder)
  if type(ladder) ~= "table" or #ladder == 0 then core.error(what .. ": the ladder is a list of powers, such as { 0.5, 0.1 }") end
  local last = 1
  for k, power in ipairs(ladder) do
    if type(power) ~= "number" or not (power >= 0 and power < last) then
      core.error(("%s: power %d of the ladder is %s, must be at least 0 and below %g"):format(what, k, tostring(power), last))
    end
    last = power
  end
  return ladder
end

local function checked_moves(what, moves)
  blocks.need(what .. ": moves", moves)
  if not moves.kernel then core.error(("%s: %s is no kernel: it changes weights, or how far units have run"):format(what, moves.name)) end
  return moves
end

-- The units moved, by the law with `power`.
local function moved(units, moves, population, world, power)
  local log_weights = {}
  for i in ipairs(units) do log_weights[i] = 0 end
  if MUTANT == 3 then power = 1 end
  local part = { units = units, log_weights = log_weights, level = population.level, power = power * (population.power or 1) }
  return moves.apply(part, world).units
end

-- ---- replicas ---------------------------------------------------------------------------------------------------------

--- replicas{ 0.5, 0.1 }: beside each unit one for each power, run anew, by whose weight to that power the unit is weighed:
-- together they have the product of the laws. Preserves the measure up to scale, the product of the evidences at these
-- powers. A zero weight is one at power 0 too.
function temper.replicas(ladder)
  checked_ladder("replicas", ladder)
  return blocks.new("replicas", "scale", function(population, world)
    local units, log_weights = {}, {}
    for i, u in ipairs(population.units) do units[i], log_weights[i] = unit.with_replicas(u, {}), population.log_weights[i] end
    for _, power in ipairs(ladder) do
      world:turn()
      for i, u in ipairs(units) do
        local other = unit.advance(unit.new(u.program), world, i - 1, population.level)
        u.replicas[#u.replicas + 1] = { unit = other, power = power }
        log_weights[i] = log_weights[i] + (other.dead and -math.huge or MUTANT == 6 and 0 or power * other.score)
      end
    end
    return { units = units, log_weights = log_weights, level = population.level, power = population.power }
  end, true)
end

local function exchange(a, b, world, lane, power)
  local log_ratio = (a.power - b.power) * (b.unit.score - a.unit.score) * power
  if MUTANT == 2 then log_ratio = -log_ratio end
  if MUTANT == 1 or world:decision("exchange", lane):accept(log_ratio) then a.unit, b.unit = b.unit, a.unit end
end

--- tempered{ moves = kernel }: each unit and its replicas, which rep.replicas gave it, move by `moves` at their powers; then
-- neighbours on the ladder change places. Preserves the measure, that of all of them together.
function temper.tempered(given)
  local moves = checked_moves("tempered", type(given) == "table" and given.moves)
  return blocks.new(("tempered(%s)"):format(moves.name), "measure", function(population, world)
    local rungs = {} -- [k][i]: unit i at power k
    for i, u in ipairs(population.units) do
      if not u.replicas then core.error("tempered: the units have no replicas: put rep.replicas{ 0.5, 0.1 } before it") end
      local list = { { unit = unit.with_replicas(u, nil), power = 1 }, table.unpack(u.replicas) }
      for k, replica in ipairs(list) do
        rungs[k] = rungs[k] or {}
        rungs[k][i] = { unit = replica.unit, power = replica.power }
      end
    end
    for _, rung in ipairs(rungs) do
      local units = {}
      for i, replica in ipairs(rung) do units[i] = replica.unit end
      for i, u in ipairs(moved(units, moves, population, world, rung[1].power)) do rung[i].unit = u end
    end
    for k = 1, #rungs - 1 do
      world:turn()
      for i, replica in ipairs(rungs[k]) do exchange(replica, rungs[k + 1][i], world, i - 1, population.power or 1) end
    end
    local units = {}
    for i in ipairs(population.units) do
      local replicas = {}
      for k = 2, #rungs do replicas[k - 1] = rungs[k][i] end
      units[i] = unit.with_replicas(rungs[1][i].unit, replicas)
    end
    return { units = units, log_weights = population.log_weights, level = population.level, power = population.power }
  end, true, true)
end

-- ---- tempered transitions ---------------------------------------------------------------------------------------------

--- tempered_transition{ ladder = { 0.5, 0.1 }, moves = kernel }: a move of each unit by `moves` at every power down the
-- ladder and back up, accepted as a whole (Neal 1996). `moves` must be reversible: one move, a mixture of such, or times of one.
-- Preserves the measure.
function temper.transition(given)
  given = given or {}
  local ladder, moves = checked_ladder("tempered_transition", given.ladder), checked_moves("tempered_transition", given.moves)
  if not moves.reversible then
    core.error(("tempered_transition: %s is not reversible; a mixture of its parts is"):format(moves.name))
  end
  return blocks.new(("tempered_transition(%s)"):format(moves.name), "measure", function(population, world)
    local first, units, log_ratios, power = population.units, population.units, {}, population.power or 1
    for i in ipairs(units) do log_ratios[i] = 0 end
    local function weigh(from, to)
      for i, u in ipairs(units) do
        if not u.dead then log_ratios[i] = log_ratios[i] + (to - from) * u.score * power end
      end
    end
    for k, rung in ipairs(ladder) do
      if MUTANT ~= 4 then weigh(ladder[k - 1] or 1, rung) end
      units = moved(units, moves, population, world, rung)
    end
    for k = #ladder, 1, -1 do
      units = moved(units, moves, population, world, ladder[k])
      weigh(ladder[k], ladder[k - 1] or 1)
    end
    world:turn()
    local kept = {}
    for i, u in ipairs(units) do
      kept[i] = (MUTANT == 5 or world:decision("accept", i - 1):accept(log_ratios[i])) and u or first[i]
    end
    return { units = kept, log_weights = population.log_weights, level = population.level, power = population.power }
  end, true, true, true)
end

return temper
