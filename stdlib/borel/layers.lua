-- SPDX-License-Identifier: MIT
--- Layers between a model and its handler: they change what some sites are, and pass everything else on. A
-- conditioned site is observed; an intervened one is set, without a density. The layer added first is nearest
-- to the model, so a later one does not see the sites that an earlier one has set.
local core = require "borel.core"
local options = require "borel.options"
local sites = require "borel.sites"

local layers = {}

--- A layer of kind "condition" or "intervene" with values by site.
function layers.new(kind, values)
  local what = "borel." .. kind
  if type(values) ~= "table" or getmetatable(values) ~= nil or next(values) == nil then
    core.error(("%s: needs the values of sites, as { mu = 1.5 }, got %s"):format(what,
      type(values) == "table" and "an empty table or an array" or "a " .. type(values)))
  end
  local names = {}
  for name, value in pairs(values) do
    if type(name) ~= "string" then core.error(("%s: '%s' is not the name of a site"):format(what, tostring(name))) end
    if core.is_symbolic(value) then core.error(("%s: the value of '%s' is drawn; only known values can be set"):format(what, name)) end
    names[#names + 1] = name
  end
  table.sort(names)
  return { kind = kind, what = what, values = values, names = names, line = core.position(), met = {}, seen = {} }
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

function Layer:sample(address, dist)
  local value = self:value_of(address)
  if value == nil then return self.inner:sample(address, dist) end
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

return layers
