-- SPDX-License-Identifier: MIT
--- Values of all particles at once, drawn and weighed as every particle alone would have been: the number of particle i
-- comes from the cell of the streams that is particle i's (borel/rep/world.lua), so a population in arrays is, bit for
-- bit, the population of single runs.
local core = require "borel.core"
local shapes = require "borel.shape"
local sites = require "borel.sites"

local particles = {}

local entered -- the lineage whose rows values have when they are read

--- Runs fn(...) with the values of a population brought to `lineage` as they are read.
function particles.within(lineage, fn, ...)
  local outer = entered
  entered = lineage
  core.enter(lineage)
  local results = table.pack(pcall(fn, ...))
  entered = outer
  core.enter(outer)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- ---- draws ------------------------------------------------------------------------------------------------------------

-- The distribution that particle i has.
local function alone(dist, i)
  local other, args = {}, {}
  for key, value in pairs(dist) do other[key] = value end
  for k, arg in ipairs(dist.args) do args[k] = core.is_particles(arg) and core.particle(arg, i) or arg end
  other.args = args
  return setmetatable(other, getmetatable(dist))
end

local function one_by_one(dist, world, address, lineage)
  local values, varies = {}, dist:varies()
  for i = 1, #lineage do values[i] = (varies and alone(dist, i) or dist):draw(world:site(address, i - 1)) end
  local all = type(values[1]) == "number" and core.array(values) or core.stack(values, { axis = 1 })
  return core.particles(all, lineage)
end

-- A source whose answers have `count` elements, those that as many questions would have got.
local function many(choice, count, batch)
  return {
    uniform = function() return choice:uniform(count):reshape(batch) end,
    normal = function() return choice:normal(count):reshape(batch) end,
  }
end

-- The elements of the batch one after the other, as Dist:draw has them.
local function element_by_element(dist, choice, batch)
  local count, args, columns, values = shapes.size(batch), { table.unpack(dist.args) }, {}, {}
  for i, arg in ipairs(dist.args) do
    local own = shapes.of(arg)
    if #own > 0 then columns[i] = (shapes.equal(own, batch) and arg or arg + core.zeros(batch)):reshape { count } end
  end
  for k = 1, count do
    for i, column in pairs(columns) do args[i] = column[k] end
    values[k] = dist.law.draw(choice, table.unpack(args))
  end
  return core.stack(values):reshape(batch)
end

local NONE = {}

local function elementwise(law)
  if law.event then return false end
  for _, param in ipairs(law.params) do
    if (param.rank or 0) > 0 then return false end
  end
  return true
end

--- A value of each particle of `lineage`, which is entered, drawn for the site `address` of `world`.
function particles.draw(dist, world, address, lineage)
  local law = dist.law
  if not law.draw then
    core.error(("site '%s': %s cannot be drawn from%s"):format(address, law.name,
      law.name == "flat" and ": it is no probability distribution" or ": its law has no 'draw'"))
  end
  local batch = dist.plain and NONE or dist:batch_shape()
  local at_once = law.lanes and not dist.arrange and (#batch == 0 or elementwise(law))
  local choice = at_once and world:lanes(address)
  if not choice then return one_by_one(dist, world, address, lineage) end
  if #batch == 0 then return law.draw(choice, table.unpack(dist.args)) end
  if law.lanes == "whole" then return law.draw(many(choice, shapes.size(batch), batch), table.unpack(dist.args)) end
  return element_by_element(dist, choice, batch)
end

-- ---- weights ----------------------------------------------------------------------------------------------------------

--- One log-weight for each particle, or a number for all: the sum over what `log_weight` has.
function particles.sum(log_weight)
  if type(log_weight) == "number" or core.is_particles(log_weight) == 0 then return log_weight end
  return core.sum(log_weight)
end

--- The log-density of an observed value under `dist`, for each particle.
function particles.observed(what, dist, value)
  if type(value) ~= "number" or value - value ~= 0 or not dist.plain then value = sites.checked(what, dist, value) end
  return particles.sum(dist:logdensity(value))
end

-- ---- results ----------------------------------------------------------------------------------------------------------

--- What fn makes of each value of all particles in `value`, a value or plain tables of them.
function particles.map(value, fn)
  if core.is_particles(value) then return fn(value) end
  if type(value) ~= "table" or getmetatable(value) ~= nil then return value end
  local other = {}
  for key, part in pairs(value) do other[key] = particles.map(part, fn) end
  return other
end

-- ---- populations in arrays ---------------------------------------------------------------------------------------------

--- What the units of a population in arrays have: { lineage =, score = f64 array [N], passed =, finished =, dead =, value = } and
-- the methods advance(world, level), moved(lineage) and text(), which the kinds define.
--   #units, units[i]      their number; the i-th: { value =, score =, passed =, finished =, dead = }
--   units:take(list)      units whose i-th is the list[i]-th of these
--   units:values()        what the program returned, its values arrays with the particles along the first axis
local Units = {}

function Units:__len() return #self.lineage end

local function unit_of(self, i)
  if i < 1 or i > #self.lineage then return nil end
  local score = self.score[i]
  return { passed = self.passed, score = score, finished = self.finished and score > -math.huge, dead = score == -math.huge,
    value = self.finished and particles.map(self.value, function(x) return core.particle(core.particles_at(x, self.lineage), i) end) }
end

local methods = {}

function methods:take(ancestors)
  local index = core.array(ancestors, "i64")
  local lineage = self.lineage:child(index)
  local other = {}
  for key, value in pairs(self) do other[key] = value end
  other.lineage, other.score, other.key_text = lineage, self.score[index], nil
  setmetatable(other, getmetatable(self))
  other:moved(self)
  return other
end

function methods:values()
  if not self.finished then core.error "units:values: these units have not come to their end: rep.finish() runs them there" end
  return particles.map(self.value, function(x) return core.particles_array(x, self.lineage) end)
end

--- A text that two populations share when their units stand at the same places with the same futures.
function methods:key()
  local what = self.dead and "dead" or self.finished and "finished" or "at"
  local text = ("%s %d %s"):format(what, self.passed, core.to_json(self.score))
  return self.dead and text or text .. self:text()
end

--- As text, a value of all particles or plain tables of them, in the rows of `lineage`.
function particles.text(value, lineage)
  if core.is_particles(value) then return core.to_json(core.particles_array(value, lineage)) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = particles.text(part, lineage) end
  return "{" .. table.concat(parts, " ") .. "}"
end

--- The metatable of a kind of units.
function particles.kind(own)
  for name, method in pairs(methods) do own[name] = own[name] or method end
  own.__len = Units.__len
  own.__index = function(self, key)
    if type(key) == "number" then return unit_of(self, key) end
    return own[key]
  end
  return own
end

return particles
