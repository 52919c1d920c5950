-- SPDX-License-Identifier: MIT
--- Involutive moves of traces, also between traces of different sites: auxiliary values v are drawn given the trace x, a
-- map that is its own inverse sends (x, v) to (y, v'), and y is taken with Green's probability
--   min(1, p(y) q(v' | y) / (p(x) q(v | x)) |det d(y, v') / d(x, v)|),
-- the determinant over all continuous numbers (Green 1995; Tierney 1998; Cusumano-Towner, Lew, Mansinghka 2020).
local core = require "borel.core"
local given = require "borel.rep.given"
local involution = require "borel.rep.involution"
local jacobian = require "borel.rep.jacobian"
local model = require "borel.model"
local move = require "borel.rep.move"
local options = require "borel.options"
local shapes = require "borel.shape"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "involutive"

local involutive = {}

local NAME = "involutive"

-- The choices of a unit by address, inner programs left out: values, and their places.
local function by_address(u)
  local choices, values, places = unit.choices(u), {}, {}
  for n, address in ipairs(choices.address) do
    if choices.dist[n] ~= unit.INSIDE then values[address], places[address] = choices.value[n], n end
  end
  return values, places, choices
end

-- The values by address, to look at; `reads` notes which were.
local function view(values, reads)
  return setmetatable({}, {
    __index = function(_, address)
      if reads then reads[address] = true end
      return values[address]
    end,
    __pairs = function()
      for address in pairs(reads and values or {}) do reads[address] = true end
      return pairs(values)
    end,
  })
end

-- ---- auxiliary values -------------------------------------------------------------------------------------------------

local function auxiliary_unit(self, values)
  return unit.new(function(h) return self.auxiliary:run(h, view(values)) end)
end

local function plain(a)
  if a.passed > 0 or a.dead then core.error(NAME .. ": the auxiliary program may only sample, not observe or weigh") end
  return a
end

-- Draws v given the trace: values by address, their distributions, the log-density.
local function draw_auxiliary(self, values, world, lane)
  local a = plain(unit.advance(auxiliary_unit(self, values), world, lane, math.huge))
  local choices, aux, dists, log_density = unit.choices(a), {}, {}, 0
  for n, address in ipairs(choices.address) do
    if choices.dist[n] == unit.INSIDE then core.error(NAME .. ": the auxiliary program may not run programs inside") end
    aux[address], dists[address] = choices.value[n], choices.dist[n]
    log_density = log_density + move.density(choices.dist[n], choices.value[n])
  end
  return aux, dists, log_density
end

-- The density of v' given y, -inf when it cannot be drawn there.
local function score_auxiliary(self, values, aux, world, lane)
  local a, run = given.run(auxiliary_unit(self, values), world, lane, math.huge, NAME .. ": auxiliary of the new trace", function(address)
    return aux[address]
  end)
  if not a.dead then given.all_used(NAME .. ": auxiliary of the new trace", run, aux) end
  return a.dead and -math.huge or run.log_density, run.used
end

-- ---- the involution ---------------------------------------------------------------------------------------------------

-- What involution(trace, aux) returns: nil when it does not apply there.
local function involve(self, values, aux, reads)
  if self.plugin then return self.plugin:involve(values, aux, reads) end
  local changes, other = self.involution(view(values, reads), view(aux))
  if changes == nil then return nil end
  if type(changes) ~= "table" or type(other) ~= "table" then
    core.error(("%s: the involution must return two tables, values of the trace that change and auxiliary values, or nil to stay; "
      .. "got a %s and a %s"):format(NAME, type(changes), type(other)))
  end
  return changes, other
end

-- Compares values by address, `have` may hold more.
local function compare(what, want, have)
  for address, value in pairs(want) do
    local other = have[address]
    if other == nil then core.error(("%s: applied twice, the involution loses the %s '%s'"):format(NAME, what, address)) end
    local a, b = shapes.flat(value), shapes.flat(other)
    for i, x in ipairs(a) do
      if not b[i] or math.abs(x - b[i]) > 1e-9 * math.max(1, math.abs(x)) then
        core.error(("%s: applied twice, the involution makes %s of the %s '%s', which was %s"):format(NAME, tostring(b[i]), what, address,
          tostring(x)))
      end
    end
  end
end

local function check_round_trip(self, values, aux, new_values, new_aux)
  local back, aux_back = involve(self, new_values, new_aux)
  if not back then core.error(NAME .. ": the involution does not apply to what it made, so it leads nowhere back") end
  compare("value of site", values, setmetatable(back, { __index = new_values }))
  compare("auxiliary value", aux, aux_back)
end

-- ---- the step ---------------------------------------------------------------------------------------------------------

local function dists_of(places, choices, frozen)
  local dists = {}
  for address, n in pairs(places) do
    if n > frozen then dists[address] = choices.dist[n] end
  end
  return dists
end

-- The trace from which a move starts: { unit, values, places = by address, choices, dists = of those that may move }.
local function origin(u)
  local values, places, choices = by_address(u)
  return { unit = u, values = values, places = places, choices = choices, dists = dists_of(places, choices, u.frozen) }
end

-- The program run on the new values: the unit, its sites by address, and log p(y) - log p(x) of the sites, for which those
-- that are alike need no density.
local function run_new(x, changes, world, lane, level)
  for address in pairs(changes) do
    local n = x.places[address]
    if n and n <= x.unit.frozen then core.error(("%s: the involution changes '%s', which is frozen"):format(NAME, address)) end
  end
  local kept = {}
  local function value_of(address)
    local value = changes[address]
    if value == nil then return x.values[address] end
    return value
  end
  local function alike(address, dist, value)
    local n = x.places[address]
    kept[address] = n and unit.same_value(x.choices.value[n], value) and unit.same_dist(x.choices.dist[n], dist)
    return kept[address]
  end
  local y, run = given.run(x.unit, world, lane, level, NAME, value_of, alike)
  if y.dead then return y end
  given.all_used(NAME .. ": the involution", run, changes)
  local log_prior = run.log_density
  for address, dist in pairs(x.dists) do
    if not kept[address] then log_prior = log_prior - move.density(dist, x.values[address]) end
  end
  return y, run.used, log_prior
end

-- Of an involution in Lua: as stated, or by derivatives over the numbers that it may change.
local function derived(self, x, aux, dists, is_touched)
  local stated = self.log_jacobian and self.log_jacobian(x.values, aux)
  if stated and self.check ~= "full" then return stated end
  local inputs, outputs = {}, {}
  jacobian.add(inputs, "trace", dists.trace, function(address) return is_touched(address) or not dists.new_trace[address] end)
  jacobian.add(inputs, "aux", dists.aux)
  jacobian.add(outputs, "trace", dists.new_trace, is_touched)
  jacobian.add(outputs, "aux", dists.new_aux)
  local found = jacobian.log_determinant(function(values, v) return involve(self, values, v) end, x.values, aux, inputs, outputs)
  if found ~= found or found == -math.huge then
    core.error(NAME .. ": the Jacobian of the involution is 0, so it has no inverse here")
  end
  if stated and math.abs(stated - found) > 1e-9 * math.max(1, math.abs(found)) then
    core.error(("%s: the stated log-Jacobian is %.12g, the derivative gives %.12g"):format(NAME, stated, found))
  end
  return found
end

-- What the involution makes of x with the auxiliary values `aux`: the new unit, Green's log-ratio, and what could make it not
-- a number; nil where there is none.
local function propose(self, x, aux, aux_dists, log_forth, world, lane, level, power)
  local reads = {}
  local changes, new_aux = involve(self, x.values, aux, reads)
  if not changes then return nil end
  local y, dists, log_prior = run_new(x, changes, world, lane, level)
  if y.dead then return nil end
  local new_values = by_address(y)
  local log_back, new_aux_dists = score_auxiliary(self, new_values, new_aux, world, lane)
  if log_back == -math.huge then return nil end
  if self.check then check_round_trip(self, x.values, aux, new_values, new_aux) end
  local all = { trace = x.dists, aux = aux_dists, new_trace = dists, new_aux = new_aux_dists }
  local volume = self.plugin and self.plugin:log_jacobian(x.values, aux, all, self.check == "full")
    or derived(self, x, aux, all, function(address) return reads[address] or changes[address] ~= nil end)
  local undefined = volume ~= volume and "its log_jacobian" or log_prior ~= log_prior and "the log-density of a site"
    or "the log-density of an auxiliary value"
  return y, power * (y.score - x.unit.score) + (MUTANT == 1 and 0 or log_prior)
    + (MUTANT == 2 and 0 or MUTANT == 3 and log_forth - log_back or log_back - log_forth)
    + (MUTANT == 4 and 0 or MUTANT == 5 and -volume or volume), undefined
end

local schema = {
  auxiliary = {}, involution = {}, names = { type = "function" }, log_jacobian = { type = "function" }, check = { default = true },
}

-- The involution of a plugin; nil: it is a function.
local function plugin_of(what)
  local plugin = what.involution
  if type(plugin) == "table" and plugin.is_involution then
    if what.log_jacobian then core.error "rep.involutive: the plugin states its log-Jacobian itself, or leaves it to differences" end
    return involution.new(NAME, plugin, what.names)
  end
  if plugin == nil then
    core.error "rep.involutive: 'involution' is missing: function(trace, aux) -> changes, aux, or a borel.involution"
  end
  if type(plugin) ~= "function" then
    core.error "rep.involutive: 'involution' must be a function(trace, aux) -> changes, aux, or a borel.involution"
  end
  if what.names then core.error "rep.involutive: 'names' are for the involution of a plugin" end
end

--- rep.involutive{ auxiliary =, involution =, names =, log_jacobian =, check = true }: the step function of a block
-- (blocks.kernel).
function involutive.step(what)
  what = options.check("rep.involutive", what, schema)
  local auxiliary = what.auxiliary or function() end
  local self = { auxiliary = type(auxiliary) == "function" and model.new(auxiliary) or auxiliary, involution = what.involution,
    plugin = plugin_of(what), log_jacobian = what.log_jacobian, check = what.check }
  model.need("rep.involutive: 'auxiliary'", self.auxiliary)
  return function(u, world, lane, level, power)
    if u.dead or u.count == u.frozen then return u, "nothing to move" end
    local x = origin(u)
    local aux, aux_dists, log_forth = draw_auxiliary(self, x.values, world, lane)
    local y, log_ratio, undefined = propose(self, x, aux, aux_dists, log_forth, world, lane, level, power)
    if not y then return u, "refused" end
    return move.decide(u, y, world, lane, log_ratio, undefined)
  end
end

return involutive
