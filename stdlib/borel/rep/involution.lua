-- SPDX-License-Identifier: MIT
--- The involution of a plugin (borel.involution) on values by address: which of its sides they are on, their numbers in a row,
-- and the values that its numbers are.
local core = require "borel.core"
local shapes = require "borel.shape"

local involution = {}

local Involution = {}
Involution.__index = Involution

--- `plugin` is a borel.involution; names(trace, aux), or nil: the addresses by the names that the plugin declares, where they
-- differ, or nil where the move does not apply.
function involution.new(what, plugin, names)
  local self = { what = what, object = plugin.object, names = names, sides = plugin.object:sides(),
    name = plugin.object:describe().name, states_jacobian = plugin.object:states_jacobian() }
  return setmetatable(self, Involution)
end

-- ---- sides ------------------------------------------------------------------------------------------------------------

local function addresses_of(self, values, aux)
  if not self.names then return {} end
  local names = self.names(values, aux)
  if names ~= nil and type(names) ~= "table" then
    core.error(("%s: names must return a table, addresses by the names of '%s', or nil to stay; got a %s"):format(self.what, self.name,
      type(names)))
  end
  return names
end

local function all_there(fields, names, values)
  for _, field in ipairs(fields) do
    if values[names[field.name] or field.name] == nil then return false end
  end
  return true
end

-- Are these the values of a side? All of its sites are there, and its auxiliary values and no others.
local function fits(side, names, values, aux)
  if not all_there(side.trace, names, values) or not all_there(side.auxiliary, names, aux) then return false end
  local count = 0
  for _ in pairs(aux) do count = count + 1 end
  return count == #side.auxiliary
end

local function listed(fields, names)
  local list = {}
  for i, field in ipairs(fields) do list[i] = names[field.name] or field.name end
  return #list > 0 and table.concat(list, ", ") or "nothing"
end

local function wrong_side(self, names, found)
  local lines = {}
  for s, side in ipairs(self.sides) do
    lines[s] = ("side %d is %s with the auxiliary %s"):format(s - 1, listed(side.trace, names), listed(side.auxiliary, names))
  end
  core.error(("%s: the values are on %s of '%s': %s"):format(self.what, found and "both sides" or "no side", self.name,
    table.concat(lines, "; ")))
end

-- The number of the side, and the addresses by name; nil where the move does not apply.
local function side_of(self, values, aux)
  local names, found = addresses_of(self, values, aux), nil
  if not names then return nil end
  for s, side in ipairs(self.sides) do
    if fits(side, names, values, aux) then
      if found then wrong_side(self, names, found) end
      found = s
    end
  end
  if not found then wrong_side(self, names) end
  return found, names
end

-- ---- numbers ----------------------------------------------------------------------------------------------------------

local function add_numbers(self, numbers, fields, names, values, reads)
  for _, field in ipairs(fields) do
    local address = names[field.name] or field.name
    local flat = shapes.flat(values[address])
    if #flat ~= field.size then
      core.error(("%s: '%s' has %d numbers, '%s' declares %d of '%s'"):format(self.what, address, #flat, self.name, field.size, field.name))
    end
    if reads then reads[address] = true end
    table.move(flat, 1, #flat, #numbers + 1, numbers)
  end
end

local function numbers_of(self, s, names, values, aux, reads)
  local numbers = {}
  add_numbers(self, numbers, self.sides[s].trace, names, values, reads)
  add_numbers(self, numbers, self.sides[s].auxiliary, names, aux)
  return numbers
end

local function value_of(field, numbers, first)
  if #field.shape == 0 then return field.discrete and math.tointeger(numbers[first]) or numbers[first] end
  local flat = table.move(numbers, first, first + field.size - 1, 1, {})
  return core.array(flat, field.discrete and "i64" or "f64"):reshape(field.shape)
end

-- The values of fields by address, from numbers[first] on; and where the next ones begin.
local function values_of(fields, names, numbers, first)
  local values = {}
  for _, field in ipairs(fields) do
    values[names[field.name] or field.name] = value_of(field, numbers, first)
    first = first + field.size
  end
  return values, first
end

local function other(self, s) return self.sides[#self.sides == 2 and 3 - s or 1] end

--- What an involution in Lua returns: changes, new auxiliary values; nil to stay. `reads` notes the sites looked at.
function Involution:involve(values, aux, reads)
  local s, names = side_of(self, values, aux)
  if not s then return nil end
  local out = self.object:map(s, numbers_of(self, s, names, values, aux, reads))
  if not out then return nil end
  local changes, first = values_of(other(self, s).trace, names, out, 1)
  return changes, (values_of(other(self, s).auxiliary, names, out, first))
end

-- ---- the Jacobian -----------------------------------------------------------------------------------------------------

-- Holds declared types against the laws of the sites that may move, by address.
local function check_types(self, fields, names, dists)
  for _, field in ipairs(fields) do
    local address = names[field.name] or field.name
    local dist = dists[address]
    if dist and (dist:support().discrete or false) ~= field.discrete then
      core.error(("%s: '%s' is %s, '%s' declares it as %s"):format(self.what, address, field.discrete and "continuous" or "discrete",
        self.name, field.discrete and "whole numbers" or "continuous"))
    end
    if dist and not self.states_jacobian and not shapes.equal(dist:free_shape(), dist:shape()) then
      core.error(("%s: '%s' has fewer free numbers than elements (%s); '%s' must state its log-Jacobian"):format(self.what, address,
        dist.law.name, self.name))
    end
  end
end

-- Continuous sites that end without being declared would make the determinant one over other numbers.
local function check_ends(self, fields, names, dists, new_dists)
  local declared = {}
  for _, field in ipairs(fields) do declared[names[field.name] or field.name] = true end
  for address, dist in pairs(dists) do
    if not new_dists[address] and not declared[address] and not dist:support().discrete then
      core.error(("%s: the continuous site '%s' ends, but '%s' does not declare it"):format(self.what, address, self.name))
    end
  end
end

--- log |det| at the values, whose distributions by address are dists.trace and dists.aux, behind the map dists.new_trace
-- and dists.new_aux. A stated one is compared with differences when `check` is true.
function Involution:log_jacobian(values, aux, dists, check)
  local s, names = side_of(self, values, aux)
  local here, there = self.sides[s], other(self, s)
  check_types(self, here.trace, names, dists.trace)
  check_types(self, here.auxiliary, names, dists.aux)
  check_types(self, there.trace, names, dists.new_trace)
  check_types(self, there.auxiliary, names, dists.new_aux)
  check_ends(self, here.trace, names, dists.trace, dists.new_trace)
  return self.object:log_jacobian(s, numbers_of(self, s, names, values, aux), check)
end

return involution
