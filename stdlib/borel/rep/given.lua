-- SPDX-License-Identifier: MIT
--- Runs of a program whose choices are given by address, and their density: the product of the densities of the sites,
-- times the weight of the factors. A value outside its support ends the run, which then has no mass.
local core = require "borel.core"
local move = require "borel.rep.move"
local sites = require "borel.sites"
local unit = require "borel.rep.unit"

local given = {}

local Given = {}
Given.__index = Given

-- As a draw would be: whole numbers integers, others floats, tables arrays.
local function as_drawn(self, address, dist, value)
  if value == nil then
    core.error(("%s: there is no value for the site '%s', which the program makes"):format(self.what, address))
  end
  value = sites.fitting(("%s: site '%s'"):format(self.what, address), dist, value)
  if type(value) ~= "number" then return value end
  if dist:support().discrete then return math.tointeger(value) or value end
  return value + 0.0
end

function Given:choose(_, _, address, dist)
  local value = as_drawn(self, address, dist, self.value_of(address))
  self.used[address] = dist
  local lp = self.alike and self.alike(address, dist, value) and 0 or move.density(dist, value)
  if lp ~= lp then core.error(("%s: the log-density of site '%s' is NaN at the given value"):format(self.what, address)) end
  self.log_density = self.log_density + lp
  if lp == -math.huge then unit.give_up() end
  return value
end

--- The program of `u` run again behind its frozen choices, up to factor `level`, on value_of(address): the unit, and
-- { log_density = the sum over its sites, used = their distributions by address }. Sites of which alike(address, dist,
-- value) is true are left out of the sum.
function given.run(u, world, lane, level, what, value_of, alike)
  local self = setmetatable({ what = what, old = unit.choices(u), value_of = value_of, alike = alike, log_density = 0, used = {} }, Given)
  return unit.propose(u, world, lane, level, self), self
end

--- An error when there are values that a run did not ask for.
function given.all_used(what, run, values)
  for address in pairs(values) do
    if not run.used[address] then
      core.error(("%s: there is a value for '%s', a site that the program does not make"):format(what, address))
    end
  end
end

-- Where no choice is left to draw.
local closed = { inside = function() core.error "rep.density: the model runs a program inside, so that its density is random" end }

--- rep.density(model, values, ...): the log-density of the run of model(...) whose sites have these values, by address:
-- { mu = 0.5, ["theta[2]"] = 1 }; and { prior = that of the sites, score = the sum of the factors, sites = addresses in
-- order, value = what the model returns }. -inf where a value is outside its support or a factor is zero; the run ends
-- there. Values that are missing or that no site asks for are errors.
function given.density(start)
  return function(m, values, ...)
    local u = start("rep.density", m, ...).units[1]
    if type(values) ~= "table" then core.error(("rep.density: the values must be a table by address, got a %s"):format(type(values))) end
    local y, run = given.run(u, closed, 0, math.huge, "rep.density", function(address) return values[address] end)
    if y.dead then return -math.huge, { prior = run.log_density, score = -math.huge, sites = unit.choices(y).address } end
    given.all_used("rep.density", run, values)
    return run.log_density + y.score, { prior = run.log_density, score = y.score, sites = unit.choices(y).address, value = y.value }
  end
end

return given
