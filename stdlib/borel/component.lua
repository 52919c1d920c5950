-- SPDX-License-Identifier: MIT
--- borel.component{...}: a kernel, density or resampler whose functions are written in Lua. docs/plugins.md has examples.
--   kind, name, summary, reference
--   params = { scale = { default = 1, min = 0, max = 10, doc = "" }, on = { default = true },
--              steps = { default = 3, integer = true }, law = { choices = { "a", "b" } }, sd = { list = true } }
-- A kernel:  tuning, state = { name = "doc" or { dim = 6 | "D" | "K" | "a parameter", dtype = "f64" | "i64", doc = "" } }
--            info = { name = "doc" }, claims = { preserves = "measure", reversible =, ergodic =, leaves_z =,
--              leaves_u =, checks = { "matrix" } }
--            begin(self, ctx, target, point), warm(self, ctx, target, point), step(self, ctx, target, point, info),
--            adapt(self, ctx, target, point, info): only step is required
-- A density: sites = { { name =, size = 1, lowest =, count = } }, logdensity(self, u, z), gradient(self, u, z)
-- A resampler: claims = { preserves = "measure", floor_ceiling =, at_most_multinomial = },
--            resample(self, rng, weights, count): a list of count indices into weights (an array), which sum to 1
local core = require "borel.core"
local options = require "borel.options"

local component = {}

local preserves = { measure = 1, scale = 2, asymptotic = 3, order = 4 }
local checks = { matrix = 1, orbit = 2, isokinetic = 4, ellipse = 8 }
local dims = { D = -1, K = -2, N = -3 }
local functions = { kernel = { begin = false, warm = false, step = true, adapt = false },
  density = { logdensity = true, gradient = false }, resampler = { resample = true } }
local texts = { "kind", "name", "summary", "reference" }
local parts = { kernel = { "tuning", "state", "info", "claims" }, density = { "sites" }, resampler = { "claims" } }
local flags = { -- bits of claims
  kernel = { reversible = 1, ergodic = 2, fixed_layout = 4, leaves_z = 8, leaves_u = 64 },
  resampler = { floor_ceiling = 16, at_most_multinomial = 32 } }

local function sorted(map)
  local names = {}
  for name in pairs(map) do
    if type(name) ~= "string" then core.error("borel.component: parameters and fields have names, as in { scale = ... }") end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function known(what, given, names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  for name in pairs(given) do
    if not set[name] then options.unknown(what .. ": unknown entry", name, set) end
  end
end

local function need(what, value, kind)
  if type(value) ~= kind then core.error(("%s must be a %s, got a %s"):format(what, kind, type(value))) end
  return value
end

-- ---- parameters -----------------------------------------------------------------------------------------------

local function param_of(name, given)
  local what = ("borel.component: parameter '%s'"):format(name)
  if type(given) ~= "table" then given = { default = given } end
  known(what, given, { "default", "min", "max", "doc", "unit", "integer", "choices", "list", "required" })
  local p = { name = name, doc = given.doc or "", unit = given.unit, required = given.required and 1 or 0,
    min = given.min or -math.huge, max = given.max or math.huge, default = 0, type = 0 }
  if given.choices then
    p.type, p.choices = 3, table.concat(need(what .. ": choices", given.choices, "table"), "|")
  elseif given.list then
    p.type = 4
  elseif type(given.default) == "boolean" then
    p.type, p.default = 2, given.default and 1 or 0
  else
    p.type = given.integer and 1 or 0
    if given.default == nil and not given.required then core.error(what .. " needs a default, or required = true") end
    p.default = need(what .. ": default", given.default or 0, "number")
  end
  return p
end

-- ---- fields and sites -------------------------------------------------------------------------------------------

local function extent(what, dim, places)
  if math.type(dim) == "integer" and dim > 0 then return dim end
  local symbol = dims[dim] or places[dim] and -100 - places[dim]
  if not symbol then
    core.error(("%s: dim is %s, must be a whole number, \"D\", \"K\" or the name of a parameter"):format(what, tostring(dim)))
  end
  return symbol
end

local function field_of(kind, name, given, places)
  local what = ("borel.component: %s field '%s'"):format(kind, name)
  if type(given) == "string" then given = { doc = given } end
  need(what, given, "table")
  known(what, given, kind == "info" and { "doc" } or { "dim", "dtype", "doc" })
  local dtype = given.dtype or "f64"
  if dtype ~= "f64" and dtype ~= "i64" then core.error(("%s: dtype is '%s', must be f64 or i64"):format(what, tostring(dtype))) end
  local dim = given.dim
  local shape = dim == nil and {} or type(dim) == "table" and dim or { dim }
  return { name = name, doc = given.doc or "", dtype = dtype == "f64" and 0 or 2,
    rows = shape[1] and extent(what, shape[1], places) or 0, columns = shape[2] and extent(what, shape[2], places) or 0 }
end

local function site_of(i, given)
  local what = ("borel.component: site %d"):format(i)
  known(what, need(what, given, "table"), { "name", "size", "lowest", "count" })
  local size = given.size or 1
  if math.type(size) ~= "integer" or size < 1 then core.error(what .. ": size must be a whole number, at least 1") end
  return { name = need(what .. ": name", given.name, "string"), size = size, lowest = given.lowest or 0, count = given.count or 0 }
end

local function claims_of(kind, given)
  local what = "borel.component: claims"
  given = need(what, given or {}, "table")
  local names = sorted(flags[kind])
  for _, name in ipairs { "preserves", "order", "note", kind == "kernel" and "checks" or nil } do names[#names + 1] = name end
  known(what, given, names)
  local claim = preserves[given.preserves or "measure"]
  if not claim then options.unknown(what .. ": preserves", given.preserves, preserves) end
  local bits = 0
  for _, name in ipairs(given.checks or {}) do
    if not checks[name] then options.unknown(what .. ": unknown check", name, checks) end
    bits = bits | checks[name]
  end
  local claimed = 0
  for name, flag in pairs(flags[kind]) do
    local stated = given[name]
    if stated == nil then stated = name == "fixed_layout" end -- the one that nearly every kernel can claim
    if stated then claimed = claimed | flag end
  end
  return { preserves = claim, order = given.order or 0, note = given.note, checks = bits, flags = claimed }
end

-- ---- what a run depends on ----------------------------------------------------------------------------------------

-- Code of the functions, and the numbers, texts and switches that they use from outside.
local function hash_of(definition)
  local d = definition
  local all = { core.to_json { d.kind, d.name, d.params or {}, d.tuning or {}, d.state or {} } }
  for _, name in ipairs(sorted(definition.functions)) do
    local f = definition.functions[name]
    all[#all + 1] = name .. string.dump(f, true)
    for i = 1, 255 do
      local upvalue, value = debug.getupvalue(f, i)
      if not upvalue then break end
      if type(value) ~= "table" and type(value) ~= "function" and type(value) ~= "userdata" then all[#all + 1] = tostring(value) end
    end
  end
  return core.hash(table.concat(all, "\0"))
end

-- ---- the component ------------------------------------------------------------------------------------------------

local function list_of(map, make)
  local list = {}
  for i, name in ipairs(sorted(map or {})) do list[i] = make(name, map[name]) end
  return list
end

local function define(given)
  need("borel.component", given, "table")
  local kind = given.kind
  if not functions[kind] then
    core.error(("borel.component: kind is %s, must be \"kernel\", \"density\" or \"resampler\""):format(tostring(kind)))
  end
  local names = { "params", table.unpack(texts) }
  for _, name in ipairs(parts[kind]) do names[#names + 1] = name end
  for name in pairs(functions[kind]) do names[#names + 1] = name end
  known("borel.component", given, names)
  local d = { kind = kind, name = need("borel.component: name", given.name, "string"), reference = given.reference,
    summary = need("borel.component: summary", given.summary or "written in Lua", "string"), functions = {} }
  for name, required in pairs(functions[kind]) do
    local f = given[name]
    if f ~= nil or required then
      need(("borel.component: %s"):format(name), f, "function")
      if debug.getinfo(f, "S").what == "C" then core.error(("borel.component: %s must be a Lua function"):format(name)) end
      d.functions[name] = f
    end
  end
  d.params = list_of(given.params, param_of)
  local places = {}
  for i, p in ipairs(d.params) do places[p.name] = i - 1 end
  for _, part in ipairs { "tuning", "state", "info" } do
    d[part] = list_of(given[part], function(name, field) return field_of(part, name, field, places) end)
  end
  if flags[kind] then
    d.claims = claims_of(kind, given.claims)
  else
    d.sites = {}
    for i, site in ipairs(need("borel.component: sites", given.sites, "table")) do d.sites[i] = site_of(i, site) end
  end
  d.hash = hash_of(d)
  return d
end

local Component = {}

-- Made when first used: a component with required parameters has no instance without them.
function Component.__index(self, key)
  if key ~= "object" then return nil end
  self.object = core[self.kind](self.scripted, {})
  return self.object
end

function Component.__call(self, parameters)
  return { is_kernel = self.is_kernel, is_density = self.is_density, is_resampler = self.is_resampler, scripted = self.scripted,
    object = core[self.kind](self.scripted, parameters or {}) }
end

--- Makes a component. It is itself a kernel (density, resampler) with its default parameters; call it with others:
-- walk{ scale = 2 }. Errors name the entry that is wrong.
function component.new(given)
  local definition = define(given)
  return setmetatable({ is_component = true, kind = definition.kind, name = definition.name, scripted = core.scripted(definition),
    is_kernel = definition.kind == "kernel" or nil, is_density = definition.kind == "density" or nil,
    is_resampler = definition.kind == "resampler" or nil }, Component)
end

--- The component that the script at `path` returns.
function component.load(path)
  local chunk, trouble = loadfile(path, "t")
  if not chunk then core.error(trouble) end
  _G.borel = _G.borel or require "borel"
  local made = chunk()
  if type(made) ~= "table" or not made.is_component then
    core.error(path .. ": returns no component; end it with: return borel.component{...}")
  end
  return made
end

return component
