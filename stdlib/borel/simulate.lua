-- SPDX-License-Identifier: MIT
--- Simulation: a model run forward. Every site draws from its distribution, also those that are observed; a site
-- may be held at a given value instead (the draws of a posterior, borel.condition). What the run made - sites,
-- observed sites, deterministic values, what the function returned - is kept by name.
local core = require "borel.core"
require "borel.moments"
local handler = require "borel.handler"
local layers = require "borel.layers"
local model = require "borel.model"
local options = require "borel.options"
local read = require "borel.read"
local session = require "borel.session"
local shapes = require "borel.shape"
local sites = require "borel.sites"
local tables = require "borel.table"

local simulate = {}

-- ---- the handler ----------------------------------------------------------------------------------------------

local Simulator = { simulates = true, lenient = true }
Simulator.__index = Simulator

-- One run: number `lane` of those that `role` and `seed` name. `given(address, dist)` is the value of a site, or nil.
local function new_run(seed, role, lane, given)
  return setmetatable({ seed = seed, role = role, lane = lane, given = given, sites = sites.new(), names = {}, values = {},
    kinds = {}, factors = {} }, Simulator)
end

function Simulator:keep(name, value, kind)
  if type(value) == "table" and getmetatable(value) == nil then value = core.stack(value) end
  self.names[#self.names + 1], self.values[name], self.kinds[name] = name, value, kind
  return value
end

-- The streams of a site depend on its address alone: other sites do not shift it.
function Simulator:draw(address, dist)
  if not dist.law.draw then
    core.error(("site '%s': %s cannot be drawn from%s"):format(address, dist.law.name,
      dist.law.name == "flat" and ": it is no probability distribution" or ": its law has no 'draw'"))
  end
  return dist:draw(core.philox(core.stream_key(self.seed, self.role, address), self.lane))
end

function Simulator:sample(address, dist)
  self.sites:add(address)
  local value = self.given and self.given(address, dist)
  return self:keep(address, value == nil and self:draw(address, dist) or value, "site")
end

function Simulator:observe(address, dist, value, fixed)
  if value ~= nil and (fixed or self.first) then -- data are the same in every run
    local label
    label, value = self.sites:observed(address, dist, value)
    address = address or label
  elseif address then
    self.sites:add(address, "observed site")
  else
    address = self.sites:visit("observe")
  end
  if fixed then return self:keep(address, value, "site") end
  return self:keep(address, self:draw(address, dist), "observed")
end

function Simulator:factor(name) self.factors[#self.factors + 1] = self.sites:factor(name) end

function Simulator:deterministic(name, value)
  self.sites:add(name, "deterministic value")
  self:keep(name, value, "deterministic")
end

-- ---- what was drawn -----------------------------------------------------------------------------------------

local Simulation = { is_simulation = true }
Simulation.__index = Simulation

--- The name of all elements of a loop: "y" for "y[3]" and "y[1,2]", nil for other names.
function simulate.base(name) return name:match "^(.+)%[[^%[%]]*%]$" end

local function shape_of(value)
  if type(value) == "number" or type(value) == "boolean" then return {} end
  return core.is_array(value) and value.shape or nil
end

-- Notes the values of a run: lists by name, for the names that `wanted` takes.
local function note(self, run, wanted)
  for _, name in ipairs(run.names) do
    local base = simulate.base(name)
    self.seen[name] = true
    if not wanted or wanted[name] or base and wanted[base] then
      local list = self.lists[name]
      if not list then
        list = {}
        self.lists[name], self.kinds[name], self.names[#self.names + 1] = list, run.kinds[name], name
        if base then
          self.bases[base] = self.bases[base] or {}
          table.insert(self.bases[base], name)
        end
      end
      list[#list + 1] = run.values[name]
    end
  end
end

-- Values of one shape, one a run, as an array [runs..., shape...].
local function together(self, name, list)
  if #list < self.runs then
    core.error(("'%s' exists in %d of %d draws: the model does not always reach it"):format(name, #list, self.runs))
  end
  local shape = shape_of(list[1])
  for _, value in ipairs(list) do
    local other = shape_of(value)
    if not other then core.error(("'%s' is a %s, not a number or an array"):format(name, type(value))) end
    if not shapes.equal(shape, other) then
      core.error(("'%s' has shape %s in one draw and %s in another"):format(name, shapes.text(shape), shapes.text(other)))
    end
  end
  local full = { table.unpack(self.lead) }
  for _, n in ipairs(shape) do full[#full + 1] = n end
  if #full > core.MAX_RANK then
    core.error(("'%s': draws of shape %s have more than %d axes"):format(name, shapes.text(full), core.MAX_RANK))
  end
  return core.stack(list):reshape(full)
end

-- Elements of a loop, joined along one new axis behind those of the draws; in the order the model met them.
local function joined(self, base)
  local parts, names = {}, self.bases[base]
  for r = 1, self.runs do
    for _, name in ipairs(names) do
      local value = self.lists[name][r]
      if value == nil or shape_of(value) == nil or #shape_of(value) > 0 then
        core.error(("'%s': its elements are not one number each; ask for '%s'"):format(base, name))
      end
      parts[#parts + 1] = value
    end
  end
  local full = { table.unpack(self.lead) }
  full[#full + 1] = #names
  return core.stack(parts):reshape(full)
end

--- simulation:draws(name): array [draws, ...] - for a prediction [chains, draws, ...] - of a site, an observed
-- site or a deterministic value. The name of a loop's sites without the index gives all of them.
function Simulation:draws(name)
  if type(name) ~= "string" then core.error("draws: needs the name of a value, got a " .. type(name)) end
  if self.lists[name] then return together(self, name, self.lists[name]) end
  if self.bases[name] then return joined(self, name) end
  local known = {}
  for key in pairs(self.lists) do known[key] = true end
  for key in pairs(self.bases) do known[key] = true end
  options.unknown("the simulation has no value", name, known)
end

--- simulation:returned(k): the k-th result (default the first) of the model's function: array [draws, ...], or a list
-- when the results are no numbers.
function Simulation:returned(k)
  local list, plain = {}, true
  for r, values in ipairs(self.results) do
    list[r] = values[k or 1]
    if list[r] == nil then core.error(("the model returned no %s"):format(k and "result " .. k or "value")) end
    plain = plain and shape_of(list[r]) ~= nil
  end
  return plain and together(self, "returned value", list) or list
end

local columns = {
  { "mean", tables.number, "mean" }, { "sd", tables.number, "sd" }, { "5 %", tables.number, "q5" },
  { "50 %", tables.number, "median" }, { "95 %", tables.number, "q95" },
}
local SHARES = core.array { 0.05, 0.5, 0.95 }

--- simulation:rows(): for each element of each value a table with the fields name, value, mean, sd, q5, median, q95.
function Simulation:rows()
  local rows = {}
  for _, name in ipairs(self.names) do
    local draws = together(self, name, self.lists[name]):to "f64"
    local shape = table.move(draws.shape, #self.lead + 1, draws.rank, 1, {})
    local names = tables.elements { name = name, shape = shape }
    local by_element = draws:reshape { self.runs, #names }
    for k, element in ipairs(names) do
      local x = by_element[{ ":", k }]
      local q = core.quantile(x, SHARES)
      rows[#rows + 1] = { name = element, value = name, mean = core.mean(x), sd = self.runs > 1 and core.sd(x) or 0 / 0, q5 = q[1],
        median = q[2], q95 = q[3] }
    end
  end
  return rows
end

--- simulation:summary([names]): these as text, of all values or of those named ("y" or {"mu", "y[3]"}). Of the draws alone:
-- nothing here says how far they are from independent.
function Simulation:summary(names)
  local out = tables.lines(columns, tables.chosen("summary", self:rows(), names))
  out[#out + 1] = ("%d draw%s"):format(self.runs, self.runs == 1 and "" or "s")
  return table.concat(out, "\n")
end

-- ---- running -------------------------------------------------------------------------------------------------

--- Runs `m` for each lane 0 .. runs - 1 and returns the simulation. about: what (the caller), seed, role, lead (axes of the draws),
-- given(lane) -> function(address, dist) -> value of a site or nil, and the lane of its streams when that is another;
-- wanted (set of names, or nil for all).
function simulate.runs(m, data, about)
  if handler.active() then core.error(about.what .. " called inside a model: a model inside a model is borel.call") end
  local runs = shapes.size(about.lead)
  local self = setmetatable({ runs = runs, lead = about.lead, names = {}, lists = {}, kinds = {}, bases = {}, results = {},
    ignored = {}, seen = {} }, Simulation)
  for lane = 0, runs - 1 do
    local given, stream
    if about.given then given, stream = about.given(lane) end
    local run = new_run(about.seed, about.role, stream or lane, given)
    run.first = lane == 0
    self.results[lane + 1] = table.pack(m:run(run, data))
    note(self, run, about.wanted)
    if lane == 0 then self.ignored = run.factors end
  end
  layers.check(m.layers)
  if self.ignored[1] and not session.quiet then
    io.stderr:write(("borel: warning: %s is not counted: a simulation draws, it does not weigh\n"):format(self.ignored[1]))
  end
  return self
end

--- The set of names in a list, or nil.
function simulate.wanted(what, list)
  if list == nil then return nil end
  if type(list) == "string" then list = { list } end
  local set = {}
  for _, name in ipairs(list) do
    if type(name) ~= "string" then core.error(what .. ": option 'sites' is a list of names") end
    set[name] = true
  end
  return set
end

--- After a simulation: names that were wanted and never met are an error.
function simulate.found(what, self, wanted)
  for name in pairs(wanted or {}) do
    if not self.lists[name] and not self.bases[name] then options.unknown(what .. ": the model has no value", name, self.seen) end
  end
end

local known = {
  data = {},
  draws = { type = "number", integer = true, min = 1, max = 1e7, default = 1000 },
  seed = { type = "number", integer = true, min = 0, default = 1 },
  sites = {},
}

--- borel.simulate(model, {data =, draws = 1000, seed = 1, sites =}): independent runs forward - the prior, the prior
-- predictive, data to test a model with. Observed sites are drawn, so their values may be missing from `data` (nil)
-- as far as only observe uses them. Sites that borel.condition sets keep their value, but nothing above them learns
-- from it: that is inference. Factors do not count. sites: names to keep. Returns an object with :draws(name) ->
-- [draws, ...], :returned(), .names. Run k of a seed is the same for any number of draws.
function simulate.simulate(m, given)
  if type(m) == "table" and m.is_reverse then return m:simulate(given) end -- diffusion.lua
  model.need("borel.simulate", m)
  local opts = options.check("borel.simulate", given, known)
  if type(opts.data) == "string" then opts.data = read(opts.data) end
  local wanted = simulate.wanted("borel.simulate", opts.sites)
  local self = simulate.runs(m, opts.data, { what = "borel.simulate", seed = opts.seed, role = "simulate", lead = { opts.draws },
    wanted = wanted })
  simulate.found("borel.simulate", self, wanted)
  return self
end

return simulate
