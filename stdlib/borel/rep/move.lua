-- SPDX-License-Identifier: MIT
--- Metropolis-Hastings on traces: some choices are drawn anew, the program runs again, and every other choice keeps its
-- value where the site is still made and has the same support (card of rules: Scibior et al., POPL 2018; Wingate et al.,
-- AISTATS 2011). The ratio of Green's theorem is then
--   log w(y) - log w(x) + log n(x) - log n(y) + sum over kept sites of log p(v; y) - log p(v; x) + proposals,
-- n the number of choices when one of them is picked; fresh choices and those that vanish cancel.
local core = require "borel.core"
local unit = require "borel.rep.unit"

local move = {}

local function same_support(a, b)
  local s, t = a:support(), b:support()
  if s == t then return true end
  if s.name ~= t.name or s.low ~= t.low or s.high ~= t.high or s.lowest ~= t.lowest or s.count ~= t.count then return false end
  local p, q = a:shape(), b:shape()
  if #p ~= #q then return false end
  for i, n in ipairs(p) do
    if q[i] ~= n then return false end
  end
  return true
end

local function density(dist, value)
  local lp = dist:logdensity(value)
  return type(lp) == "number" and lp or core.sum(lp)
end

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

-- A new value by the site's proposal: value, log q(back) - log q(forth).
local function propose(self, player, address, dist, j)
  local proposal = self.proposals and self.proposals[address]
  if not proposal then return unit.draw(player, address, dist) end
  local old = self.old
  local value, log_ratio = proposal(player.world:site(address, player.lane), old.value[j], dist)
  if type(log_ratio) ~= "number" or log_ratio ~= log_ratio then
    core.error(("mh_step: the proposal of '%s' must return a value and log q(back) - log q(forth), a number"):format(address))
  end
  self.ratio = self.ratio + log_ratio + density(dist, value) - density(old.dist[j], old.value[j])
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
      if same_support(before, dist) then
        local value = old.value[j]
        self.ratio = self.ratio + density(dist, value) - density(before, value)
        return value
      end
    end
  end
  return unit.draw(player, address, dist)
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

--- One step from unit `u` among the runs of its program up to factor `level`; u itself when the move was refused.
-- given.sites: a set of addresses that are drawn anew together; absent: one choice, each as likely.
-- given.proposals: by address, function(choice, value, dist) -> new value, log q(back) - log q(forth). Second result:
-- what happened, "accepted", "refused" or "nothing to move".
function move.step(u, world, lane, level, given)
  local old = unit.choices(u)
  local places, n = movable(u, old)
  if u.dead or n == 0 then return u, "nothing to move" end
  local self = setmetatable({ old = old, frozen = u.frozen, ratio = 0, proposals = given.proposals }, Move)
  if given.sites then
    self.picked = function(j, address) return j > u.frozen and given.sites[address] end
  else
    local pick = world:decision("pick", lane):uniform_int(n) + 1
    pick = places and places[pick] or u.frozen + pick
    self.picked = function(j) return j == pick end
  end
  local y = unit.propose(u, world, lane, level, self)
  if y.dead then return u, "refused" end
  local log_ratio = y.score - u.score + self.ratio
  if not given.sites then
    local _, m = movable(y, unit.choices(y))
    log_ratio = log_ratio + math.log(n) - math.log(m)
  end
  if log_ratio ~= log_ratio then return u, "not a number" end
  if world:decision("accept", lane):accept(log_ratio) then return y, "accepted" end
  return u, "refused"
end

return move
