-- SPDX-License-Identifier: MIT
--- Metropolis-Hastings on traces: some choices are drawn anew, the program runs again, and every other choice keeps its
-- value where the site is still made and has the same support (Scibior et al., POPL 2018; Wingate et al.,
-- AISTATS 2011). The ratio of Green's theorem is then
--   log w(y) - log w(x) + log n(x) - log n(y) + sum over kept sites of log p(v; y) - log p(v; x) + proposals,
-- n the number of choices when one of them is picked; fresh choices and those that vanish cancel.
local core = require "borel.core"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "move"

local move = {}

local function same_support(a, b)
  local s, t = a:support(), b:support()
  if s ~= t and (s.name ~= t.name or s.low ~= t.low or s.high ~= t.high or s.lowest ~= t.lowest or s.count ~= t.count) then return false end
  local p, q = a:shape(), b:shape()
  if #p ~= #q then return false end
  for i, n in ipairs(p) do
    if q[i] ~= n then return false end
  end
  return true
end

--- The log-density of one value, all of its elements.
function move.density(dist, value)
  local lp = dist:logdensity(value)
  return type(lp) == "number" and lp or core.sum(lp)
end
local density = move.density

-- Where an address is among the old choices, or nil. Most sites stay at their place.
local function place_of(self, n, address)
  local old = self.old
  if old.address[n] == address then return n end
  local places = self.places
  if not places then
    places = {}
    for i = 1, old.n do places[old.address[i]] = i end
    self.places = places
  end
  return places[address]
end

local Move = {}
Move.__index = Move

local function draw(player, address, dist)
  local support = MUTANT == 12 and dist:support()
  if support and support.count then return support.lowest + player.world:site(address, player.lane):uniform_int(support.count) end
  return unit.draw(player, address, dist)
end

-- A new value by the site's proposal: value, log q(back) - log q(forth).
local function propose(self, player, address, dist, j)
  local proposal = self.proposals and self.proposals[address]
  if not proposal then return draw(player, address, dist) end
  local old = self.old
  local value, log_ratio = proposal(player.world:site(address, player.lane), old.value[j], dist)
  if type(log_ratio) ~= "number" or log_ratio ~= log_ratio then
    core.error(("mh_step: the proposal of '%s' must return a value and log q(back) - log q(forth), a number"):format(address))
  end
  self.ratio = self.ratio + (MUTANT == 20 and 0 or log_ratio)
    + (MUTANT == 21 and 0 or density(dist, value) - density(old.dist[j], old.value[j]))
  if self.ratio ~= self.ratio then self.undefined = self.undefined or address end
  return value
end

--- The value of choice n in the new run.
function Move:choose(player, n, address, dist)
  local old, j = self.old, place_of(self, n, address)
  if dist ~= unit.INSIDE then
    if j and self.picked(j, address) then return propose(self, player, address, dist, j) end
    if j and j > self.frozen and old.dist[j] ~= unit.INSIDE then
      local before = old.dist[j]
      if unit.same_dist(before, dist) then return old.value[j] end
      if MUTANT == 13 and not same_support(before, dist) then return old.value[j] end
      if same_support(before, dist) then
        local value = old.value[j]
        self.ratio = self.ratio + (MUTANT == 3 and 0 or density(dist, value) - density(before, value))
        if self.ratio ~= self.ratio then self.undefined = self.undefined or address end
        return value
      end
    end
  end
  local value = unit.draw(player, address, dist)
  if MUTANT == 14 then self.ratio = self.ratio + density(dist, value) end
  return value
end

-- The choices that may move: their places when there are inner programs among them, else nil; and how many.
local function movable(u, old)
  if not u.inner then return nil, u.count - u.frozen end
  local list = {}
  for i = u.frozen + 1, u.count do
    if old.dist[i] ~= unit.INSIDE then list[#list + 1] = i end
  end
  return list, #list
end

local wrong_acceptance = {
  [7] = function() return true end,
  [8] = function(_, log_ratio) return log_ratio >= 0 end,
  [15] = function() return false end,
  [16] = function(choice, log_ratio) return choice:accept(log_ratio - math.log(1 + math.exp(log_ratio))) end, -- Barker
  [17] = function(choice, log_ratio) return choice:accept(math.min(0, log_ratio) - math.log(2)) end,
}

local function with_score(u, score)
  local other = {}
  for key, value in pairs(u) do other[key] = value end
  other.score, other.key = score, nil
  return other
end

--- The log-density of a site as what makes a ratio not a number.
function move.at(site) return site and ("the log-density of site '%s'"):format(site) end

--- The end of a Metropolis-Hastings-Green step from u to y: y with probability min(1, exp(log_ratio)), else u; and
-- what happened. `where` is what makes a ratio not a number.
function move.decide(u, y, world, lane, log_ratio, where)
  if log_ratio ~= log_ratio then return u, "not a number", where end
  local choice = world:decision("accept", lane)
  local accepts = wrong_acceptance[MUTANT] or choice.accept
  if accepts(choice, log_ratio) then return MUTANT == 22 and with_score(y, u.score) or y, "accepted" end
  if MUTANT == 10 then return with_score(y, u.score), "refused" end
  if MUTANT == 11 then return with_score(u, y.score), "refused" end
  return u, "refused"
end

local function log_weight_ratio(x, y, power)
  if MUTANT == 4 then return 0 end
  return (MUTANT == 5 and x.score - y.score or y.score - x.score) * power
end

local function log_length_ratio(n, m)
  if MUTANT == 1 then return 0 end
  return MUTANT == 2 and math.log(m) - math.log(n) or math.log(n) - math.log(m)
end

--- What a move away from `u` leads to when picked(place, address) choices get new values, by proposals[address](choice,
-- value, dist) -> value, log q(back) - log q(forth), or from their priors: the new unit, Green's log-ratio without
-- the scores, and the site that made it not a number.
function move.candidate(u, world, lane, level, picked, proposals)
  local self = setmetatable({ old = unit.choices(u), frozen = u.frozen, ratio = 0, proposals = proposals, picked = picked }, Move)
  return unit.propose(u, world, lane, level, self), self.ratio, self.undefined
end

-- The same choices in a new run, in which inner programs draw anew.
local function same_again(u, world, lane, level)
  return (move.candidate(u, world, lane, level, function() return false end))
end

local function attempt(u, world, lane, level, given, power)
  local old = unit.choices(u)
  local places, n = movable(u, old)
  if u.dead or n == 0 then return u, "nothing to move" end
  local picked
  if given.sites then
    function picked(j, address) return j > u.frozen and given.sites[address] end
  else
    local pick = MUTANT == 18 and 1 or world:decision("pick", lane):uniform_int(n) + 1
    pick = places and places[pick] or u.frozen + pick
    function picked(j) return j == pick end
  end
  local y, ratio, undefined = move.candidate(u, world, lane, level, picked, given.proposals)
  if y.dead then return u, "refused" end
  local x = MUTANT == 19 and same_again(u, world, lane, level) or u
  local log_ratio = log_weight_ratio(x, y, power) + ratio
  if not given.sites then
    local _, m = movable(y, unit.choices(y))
    log_ratio = log_ratio + log_length_ratio(n, m)
  end
  return move.decide(u, y, world, lane, MUTANT == 6 and log_ratio / 2 or log_ratio, move.at(undefined))
end

--- One step from unit `u` among the runs of its program up to factor `level`; u itself when the move was refused.
-- The target is the law of the choices times exp(power * score).
-- given.sites: a set of addresses that are drawn anew together; absent: one choice, each as likely.
-- given.proposals: by address, function(choice, value, dist) -> new value, log q(back) - log q(forth). Second result:
-- what happened, "accepted", "refused", "nothing to move" or "not a number"; third: by what.
function move.step(u, world, lane, level, given, power)
  local new, what, where = attempt(u, world, lane, level, given, power)
  if MUTANT == 9 and what == "refused" then return attempt(u, world, lane, level, given, power) end
  if MUTANT == 23 and what == "refused" then return with_score(same_again(u, world, lane, level), u.score), what end
  return new, what, where
end

return move
