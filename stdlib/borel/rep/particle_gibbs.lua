-- SPDX-License-Identifier: MIT
--- Particle Gibbs: a new run drawn among particles of which one is held on the present run (conditional SMC; Andrieu,
-- Doucet and Holenstein 2010, algorithm 2). The others are drawn from the program and resampled, by independent draws,
-- behind each factor.
local core = require "borel.core"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "particle_gibbs"

local particle_gibbs = {}

-- Weights that sum to 1.
local function normalised(log_weights)
  local total, weights = core.log_total(log_weights), {}
  for i, w in ipairs(log_weights) do weights[i] = math.exp(w - total) end
  return weights
end

-- The first is held; of the others each is a copy of one of all.
local function resample(units, log_weights, source)
  local weights, new = normalised(log_weights), { units[1] }
  if MUTANT == 1 then new[1] = units[source:categorical(weights)] end
  for i = 2, #units do
    new[i] = units[MUTANT == 2 and source:uniform_int(#units) + 1 or source:categorical(weights)]
  end
  return new
end

local function all_ended(units)
  for _, u in ipairs(units) do
    if not (u.finished or u.dead) then return false end
  end
  return true
end

--- particle_gibbs.step{ particles = 10 }: the step of rep.particle_gibbs from unit `u` among the runs of its program up to
-- factor `level`.
function particle_gibbs.step(particles)
  return function(u, world, lane, level, power)
    if u.dead or u.count == u.frozen then return u, "nothing to move" end
    local old = unit.choices(u)
    local keep = { old = old, choose = function(_, _, n) return old.value[n] end }
    local fresh = { old = old, choose = function(_, player, _, address, dist) return unit.draw(player, address, dist) end }
    local units, log_weights, stop = {}, {}, 0
    repeat
      stop = stop + 1
      world:turn()
      for i = 1, particles do
        local move, before, own_lane = i == 1 and keep or fresh, units[i], lane * particles + i - 1
        local after = before and unit.advance(before, world, own_lane, stop, move) or unit.propose(u, world, own_lane, stop, move)
        local gained = after.dead and -math.huge or after.score - (before and before.score or 0)
        units[i], log_weights[i] = after, power * (before and before.dead and -math.huge or gained)
      end
      if all_ended(units) or stop >= level then break end
      units = resample(units, log_weights, world:decision("ancestors", lane))
    until false
    local source = world:decision("path", lane)
    local chosen = MUTANT == 3 and source:uniform_int(particles) + 1 or source:categorical(normalised(log_weights))
    if chosen == 1 and MUTANT ~= 1 or units[chosen].dead then return u, "refused" end
    return units[chosen], "accepted"
  end
end

return particle_gibbs
