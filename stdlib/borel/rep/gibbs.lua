-- SPDX-License-Identifier: MIT
--- Gibbs moves of one site of a trace: from its conditional law given all other choices, found by running the program
-- with each of its values, or stated.
local core = require "borel.core"
local move = require "borel.rep.move"
local options = require "borel.options"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "gibbs"

local gibbs = {}

--- Where the site is among the choices of `u` that may move, or nil.
function gibbs.place_of(choices, u, site)
  for n = u.frozen + 1, u.count do
    if choices.address[n] == site and choices.dist[n] ~= unit.INSIDE then return n end
  end
end

local place_of = gibbs.place_of

-- ---- enumerated -------------------------------------------------------------------------------------------------------

local function values_of(site, dist)
  local support = dist:support()
  if not (support.discrete and support.count) or #dist:shape() > 0 then
    core.error(("gibbs: site '%s' must have finitely many values, it is %s (rep.conditional takes a conditional law)"):format(site,
      tostring(dist)))
  end
  local values = {}
  for k = 1, support.count do values[k] = support.lowest + k - 1 end
  return values
end

local With = {} -- a run in which one site has another value and every other one keeps its own
With.__index = With

function With:choose(_, _, address, dist)
  local old, n = self.old, self.places[address]
  if not n then
    self.other_sites = true
    unit.give_up()
  end
  local before, value = old.dist[n], n == self.moves and self.value or old.value[n]
  self.kept = self.kept + 1
  if n == self.moves then
    self.log_density = self.log_density + (MUTANT == 3 and 0 or move.density(dist, value))
  elseif not unit.same_dist(before, dist) then
    local lp = move.density(dist, value)
    if lp == -math.huge then unit.give_up() end
    self.log_density = self.log_density + (MUTANT == 2 and 0 or lp - move.density(before, value))
  end
  return value
end

local function run_with(u, world, lane, level, power, old, places, n, value)
  local self = setmetatable({ old = old, places = places, moves = n, value = value, log_density = 0, kept = 0 }, With)
  local y = unit.propose(u, world, lane, level, self)
  if self.other_sites or not y.dead and self.kept < u.count - u.frozen then return nil, true end
  if y.dead then return nil, false end
  return y, self.log_density + power * y.score
end

--- value -> the run of `u` with that value at choice n and every other as it is, and its log-weight; nil where it has no
-- mass or the program makes other sites, and whether it is the latter.
function gibbs.runs(u, world, lane, level, power, n)
  local old, places = unit.choices(u), {}
  for i = 1, u.count do places[old.address[i]] = i end
  return function(value) return run_with(u, world, lane, level, power, old, places, n, value) end
end

-- Every value of the site that keeps the sites of the program: units, log-weights; and whether all values do.
local function conditional(u, world, lane, level, power, site)
  local old = unit.choices(u)
  local n = place_of(old, u, site)
  local with = gibbs.runs(u, world, lane, level, power, n)
  local units, log_weights, complete = {}, {}, true
  for _, value in ipairs(values_of(site, old.dist[n])) do
    local y, what = with(value)
    if y then
      units[#units + 1] = value == old.value[n] and u or y
      log_weights[#units] = MUTANT == 1 and 0 or what
    elseif what then
      complete = false
    end
  end
  return units, log_weights, complete
end

local function draw(choice, units, log_weights)
  local most, p, total = -math.huge, {}, 0
  for _, w in ipairs(log_weights) do most = math.max(most, w) end
  for i, w in ipairs(log_weights) do
    p[i] = math.exp(w - most)
    total = total + p[i]
  end
  for i = 1, #p do p[i] = p[i] / total end
  return units[choice:categorical(p)]
end

local gibbs_options = { site = { type = "string" } }

--- rep.gibbs{ site = "z[3]" }: the step function of a block. The site, of finite support, is drawn from its conditional
-- law given the others, for which the program runs once with every value. Where some values make the program run into
-- other sites, the conditional law is that of the values which do not, half of the time, and in the other half the site is
-- drawn from its prior as by mh_step. Both are in detailed balance, and neither leads from a state of the one sort to one
-- of the other: what changed the sites changes them back.
function gibbs.step(given)
  local site = options.check("rep.gibbs", given, gibbs_options).site
  if not site then core.error "rep.gibbs: 'site' is missing, the address of a choice" end
  local only = { sites = { [site] = true } }
  return function(u, world, lane, level, power)
    if u.dead or not place_of(unit.choices(u), u, site) then return u, "nothing to move" end
    if u.inner then return move.step(u, world, lane, level, only, power) end -- scores are drawn, so there is no conditional law
    local units, log_weights, complete = conditional(u, world, lane, level, power, site)
    if complete or MUTANT == 4 or world:decision("gibbs or not", lane):bernoulli(0.5) == 1 then
      return draw(world:decision("value", lane), units, log_weights), "accepted"
    end
    return move.step(u, world, lane, level, only, power)
  end
end

-- ---- stated -----------------------------------------------------------------------------------------------------------

-- The values of all choices but one, by address.
local function others(u, site)
  local values, choices = {}, unit.choices(u)
  for n, address in ipairs(choices.address) do
    if choices.dist[n] ~= unit.INSIDE and address ~= site then values[address] = choices.value[n] end
  end
  return values
end

local conditional_options = { site = { type = "string" }, draw = { type = "function" }, logdensity = { type = "function" },
  exact = { type = "boolean", default = false } }

--- rep.conditional{ site =, draw =, logdensity =, exact = false }: the step function of a block. A site gets
-- draw(choice, trace), trace the values of the other choices by address, and logdensity(value, trace) is its log-density;
-- accepted by Green's ratio. exact: draw is from the conditional law itself, and is always accepted; with a
-- logdensity, that the ratio is 1 is checked to 1e-8.
function gibbs.stated(given)
  given = options.check("rep.conditional", given, conditional_options)
  local site = given.site
  if not site or not given.draw then core.error "rep.conditional: needs a site and draw = function(choice, trace)" end
  if not given.exact and not given.logdensity then
    core.error "rep.conditional: needs logdensity = function(value, trace), or exact = true where draw is from the conditional law"
  end
  return function(u, world, lane, level, power)
    local old = unit.choices(u)
    local n = not u.dead and place_of(old, u, site)
    if not n then return u, "nothing to move" end
    local trace, new = others(u, site), nil
    local function proposal(choice)
      new = given.draw(choice, trace)
      return new, 0
    end
    local function picked(j) return j == n end
    local y, log_ratio, undefined = move.candidate(u, world, lane, level, picked, { [site] = proposal })
    if y.dead then return u, "refused" end
    log_ratio = log_ratio + power * (y.score - u.score)
    if given.logdensity then
      local back = MUTANT == 5 and 0 or given.logdensity(old.value[n], others(y, site))
      log_ratio = log_ratio + back - given.logdensity(new, trace)
    end
    if not given.exact then
      return move.decide(u, y, world, lane, log_ratio, move.at(undefined) or ("the logdensity stated for site '%s'"):format(site))
    end
    if given.logdensity and math.abs(log_ratio) > 1e-8 * math.max(1, math.abs(y.score)) then
      core.error(("conditional of '%s': it is not exact, from %s to %s the log-ratio is %.6g, not 0"):format(site,
        tostring(old.value[n]), tostring(new), log_ratio))
    end
    return y, "accepted"
  end
end

return gibbs
