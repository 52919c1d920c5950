-- SPDX-License-Identifier: MIT
--- Layers between a model and its handler: they change what some sites are, and pass everything else on. A
-- conditioned site is observed; an intervened one is set, without a density. The layer added first is nearest
-- to the model, so a later one does not see the sites that an earlier one has set.
local core = require "borel.core"
local missing = require "borel.missing"
local options = require "borel.options"
local shapes = require "borel.shape"
local sites = require "borel.sites"

local layers = {}

--- A layer of kind "condition" or "intervene" with values by site.
function layers.new(kind, values)
  local what = "borel." .. kind
  if type(values) ~= "table" or getmetatable(values) ~= nil or next(values) == nil then
    core.error(("%s: needs the values of sites, as { mu = 1.5 }, got %s"):format(what,
      type(values) == "table" and "an empty table or an array" or "a " .. type(values)))
  end
  local names, parts = {}, {}
  for name, value in pairs(values) do
    if type(name) ~= "string" then core.error(("%s: '%s' is not the name of a site"):format(what, tostring(name))) end
    if core.is_symbolic(value) then core.error(("%s: the value of '%s' is drawn; only known values can be set"):format(what, name)) end
    names[#names + 1] = name
    local whole, places = name:match "^(.+)%[([%d,]+)%]$"
    if whole then
      parts[whole] = parts[whole] or {}
      table.insert(parts[whole], { name = name, places = places })
    end
  end
  table.sort(names)
  return { kind = kind, what = what, values = values, names = names, parts = parts, line = core.position(), met = {}, seen = {} }
end

local Layer = {}

-- The value that is set for a site, and the name it goes by in this layer.
function Layer:value_of(address)
  local prefix = self.prefix
  if address:sub(1, #prefix) ~= prefix then return nil end
  local name = address:sub(#prefix + 1)
  self.layer.seen[name] = true
  local value = self.layer.values[name]
  if value ~= nil then self.layer.met[name] = true end
  return value
end

-- The flat place of "2,3" in a batch of that shape, nil when there is none.
local function flat_place(shape, places)
  local flat, axis = 0, 0
  for index in places:gmatch "%d+" do
    axis = axis + 1
    local i = math.tointeger(index)
    if not shape[axis] or not i or i < 1 or i > shape[axis] then return nil end
    flat = flat * shape[axis] + i - 1
  end
  return axis == #shape and flat + 1 or nil
end

-- The site with some of its elements set, as borel.missing has it; nil when there are none of them.
function Layer:sample_part(address, dist, marginalize)
  local parts = address:sub(1, #self.prefix) == self.prefix and self.layer.parts[address:sub(#self.prefix + 1)]
  local batch = parts and dist:batch_shape()
  if not parts or #batch == 0 then return nil end
  local what = ("%s of '%s' (%s)"):format(self.layer.what, address, self.layer.line)
  if self.layer.kind ~= "condition" or dist.vector or #dist:event_shape() > 0 then
    core.error(("%s: some elements of a site cannot be set, here of %s: set all of '%s'"):format(what, dist.law.name, address))
  end
  local values = {}
  for i = 1, shapes.size(batch) do values[i] = 0 / 0 end
  for _, part in ipairs(parts) do
    local value, at = self.layer.values[part.name], flat_place(batch, part.places)
    if not at then core.error(("%s: '%s' is no element of a site of shape %s"):format(what, part.name, shapes.text(batch))) end
    if type(value) ~= "number" then core.error(("%s: the value of '%s' is a %s, must be a number"):format(what, part.name, type(value))) end
    if value ~= value then core.error(("%s: the value of '%s' is NaN"):format(what, part.name)) end
    values[at], self.layer.met[part.name] = value, true
  end
  return missing.partly(self.inner, address, dist, core.array(values, "f64"):reshape(batch), true, marginalize)
end

function Layer:sample(address, dist, marginalize)
  local value = self:value_of(address)
  if value == nil then
    return self:sample_part(address, dist, marginalize) or self.inner:sample(address, dist, marginalize)
  end
  local set = sites.checked(("%s of '%s' (%s)"):format(self.layer.what, address, self.layer.line), dist, value)
  if self.layer.kind == "condition" then return self.inner:observe(address, dist, set, true) end
  self.sites:add(address)
  return set
end

function Layer:observe(address, dist, value, fixed)
  if address and self:value_of(address) ~= nil then
    core.error(("%s: site '%s' is observed already: change the data instead (set at %s)"):format(self.layer.what, address, self.layer.line))
  end
  return self.inner:observe(address, dist, value, fixed)
end

function Layer:factor(...) return self.inner:factor(...) end
function Layer:deterministic(...) return self.inner:deterministic(...) end

--- The handler `h` below the layers of a model whose sites have names after `prefix`.
function layers.over(list, h, prefix)
  for i = #list, 1, -1 do
    local inner = h
    h = setmetatable({ layer = list[i], inner = inner, prefix = prefix }, {
      __index = function(_, key) return Layer[key] or inner[key] end, -- what a handler says of itself shows through
    })
  end
  return h
end

--- After a model has run: a value whose site was never met is an error.
function layers.check(list)
  for _, layer in ipairs(list) do
    for _, name in ipairs(layer.names) do
      if not layer.met[name] then
        local ok, message = pcall(options.unknown, "the model has no unknown", name, layer.seen)
        if not ok then error(("%s: %s: %s"):format(layer.line, layer.what, message:gsub("^.-:%d+: ", "")), 0) end
      end
    end
  end
end

--- The error of a model all of whose unknowns are set.
function layers.nothing_left(list)
  local texts = {}
  for i, layer in ipairs(list) do
    texts[i] = ("%s at %s sets %s"):format(layer.what, layer.line, table.concat(layer.names, ", "))
  end
  return ("nothing is left to infer: %s, and the model has no other unknowns; borel.simulate runs it forward"):format(
    table.concat(texts, "; "))
end

return layers
