-- SPDX-License-Identifier: MIT
--- Draws of programs in a draw log: the sites of a run and what the program returned, as a list of numbers and a text that says
-- what they are, the layout of the log (runtime/store/log.h). Draws with the same sites share a layout:
--   { "sites": [[address, kind], ...], "value": kind }
-- with kind "f64", "i64", "bool"; { "dtype", "shape" } of an array; { "whole" }: an integer that no double holds; { "text" };
-- { "table": [[key, kind], ...] }; { "other" }: the text of a value that has no such form.
local core = require "borel.core"

local record = {}

local MOST_DEPTH = 50 -- of tables in tables

-- Numbers and parts of a layout's text, on their way.
local Writer = {}
Writer.__index = Writer

local function number_kind(self, x)
  local is_whole, n = math.type(x) == "integer", #self.numbers
  if is_whole and math.tointeger(x + 0.0) ~= x then return ('{"whole":"%d"}'):format(x) end
  self.numbers[n + 1] = x
  return is_whole and '"i64"' or '"f64"'
end

local function array_kind(self, x)
  local extents, n = {}, #self.numbers
  for axis, extent in ipairs(x.shape) do extents[axis] = ("%d"):format(extent) end
  for k, element in ipairs(x:reshape({ x.size }):totable()) do
    self.numbers[n + k] = type(element) == "boolean" and (element and 1 or 0) or element
  end
  return ('{"dtype":"%s","shape":[%s]}'):format(x.dtype, table.concat(extents, ","))
end

-- The keys of a table in order, integers first; nil when there are others than integers and texts.
local function keys_of(value)
  local keys = {}
  for key in pairs(value) do
    if math.type(key) ~= "integer" and type(key) ~= "string" then return nil end
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  return keys
end

-- Takes the numbers of a value; its kind as JSON.
function Writer:kind(value, depth)
  if type(value) == "number" then return number_kind(self, value) end
  if type(value) == "boolean" then
    self.numbers[#self.numbers + 1] = value and 1 or 0
    return '"bool"'
  end
  if type(value) == "string" and utf8.len(value) then return '{"text":' .. core.to_json(value) .. "}" end
  if core.is_array(value) then return array_kind(self, value) end
  local keys = type(value) == "table" and getmetatable(value) == nil and depth < MOST_DEPTH and keys_of(value)
  if not keys then return '{"other":' .. core.to_json(type(value)) .. "}" end
  local parts = {}
  for i, key in ipairs(keys) do
    parts[i] = ("[%s,%s]"):format(type(key) == "string" and core.to_json(key) or ("%d"):format(key), self:kind(value[key], depth + 1))
  end
  return '{"table":[' .. table.concat(parts, ",") .. "]}"
end

--- The text of the layout of a draw and its numbers. choices: { n =, address =, value = } of the run; skip(n): is choice n no site?
function record.encode(choices, skip, value)
  local self, parts = setmetatable({ numbers = {} }, Writer), {}
  for n, address in ipairs(choices.address) do
    if not skip(n) then parts[#parts + 1] = ("[%s,%s]"):format(core.to_json(address), self:kind(choices.value[n], 0)) end
  end
  return ('{"sites":[%s],"value":%s}'):format(table.concat(parts, ","), self:kind(value, 0)), self.numbers
end

-- ---- reading ------------------------------------------------------------------------------------------------------------

-- What stands for a value that the log does not hold.
local function absent(kind)
  local text = ("a %s that the run directory does not hold"):format(kind)
  return setmetatable({}, { __tostring = function() return text end, __index = function(_, key)
    if type(key) == "string" then
      core.error(("field '%s' of %s: return numbers, texts, arrays and plain tables of them from the model"):format(key, text))
    end
  end })
end

-- A table of numbers behind `at`, as an array.
local function array_of(kind, numbers, at)
  local shape = core.is_array(kind.shape) and kind.shape:totable() or {}
  local size, list = 1, {}
  for _, extent in ipairs(shape) do size = size * extent end
  for k = 1, size do
    local x = numbers[at + k]
    if kind.dtype == "i64" then x = math.tointeger(x) elseif kind.dtype == "bool" then x = x ~= 0 end
    list[k] = x
  end
  return core.array(list, kind.dtype):reshape(shape), at + size
end

-- The value of this kind whose numbers begin behind `at`, and where they end.
local function decode(kind, numbers, at)
  if kind == "f64" then return numbers[at + 1], at + 1 end
  if kind == "i64" then return math.tointeger(numbers[at + 1]), at + 1 end
  if kind == "bool" then return numbers[at + 1] ~= 0, at + 1 end
  if kind.dtype then return array_of(kind, numbers, at) end
  if kind.whole then return math.tointeger(kind.whole), at end
  if kind.text then return kind.text, at end
  if kind.other then return absent(kind.other), at end
  local value = {}
  for _, entry in ipairs(kind.table) do value[entry[1]], at = decode(entry[2], numbers, at) end
  return value, at
end

--- What the program returned, and the values by address, of a draw with these numbers. layout: the parsed text.
function record.decode(layout, numbers)
  local sites, at = {}, 0
  for _, site in ipairs(layout.sites) do sites[site[1]], at = decode(site[2], numbers, at) end
  return (decode(layout.value, numbers, at)), sites
end

-- ---- the state of a chain ------------------------------------------------------------------------------------------------

--- The choices of a unit as entries of a checkpoint: addresses and values, numbers by their bits, and what inner programs drew.
function record.save(u, choices, inside)
  local list, bits, entries = {}, {}, {}
  for n, address in ipairs(choices.address) do
    local value = choices.value[n]
    if choices.dist[n] == inside then
      list[n] = { address, "inside" }
      entries["tape." .. n] = u.inner[n].tape:pack(u.inner[n].length)
    elseif math.type(value) == "integer" then
      list[n], bits[#bits + 1] = { address, "i64" }, value
    elseif math.type(value) == "float" then
      list[n], bits[#bits + 1] = { address, "f64" }, (("<i8"):unpack(("<d"):pack(value)))
    elseif core.is_array(value) then
      list[n], entries["value." .. n] = { address, "array" }, value
    else
      core.error(("site '%s': its value is a %s, which a checkpoint cannot hold"):format(address, type(value)))
    end
  end
  entries.choices = core.to_json(core.json_list(list))
  if #bits > 0 then entries.bits = core.array(bits, "i64") end
  return entries
end

--- The same back: addresses, values, and the inner programs.
function record.load(entries)
  local old, inner, place = { n = 0, address = {}, value = {}, dist = {} }, {}, 0
  for n, choice in ipairs(core.parse_json(entries.choices)) do
    local kind, value = choice[2], true
    if kind == "inside" then
      local tape = core.tape(entries["tape." .. n])
      inner[n] = { tape = tape, length = #tape }
    elseif kind == "array" then
      value = entries["value." .. n]
    else
      place = place + 1
      value = entries.bits[place]
      if kind == "f64" then value = (("<d"):unpack(("<i8"):pack(value))) end
    end
    old.n, old.address[n], old.value[n] = n, choice[1], value
  end
  return old, inner
end

return record
