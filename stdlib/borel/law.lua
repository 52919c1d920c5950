-- SPDX-License-Identifier: MIT
--- Laws and distributions: a law is a log-density, a support, a sampler, written in the modelling language; a
-- distribution is a law with its parameters, which may be numbers, arrays or symbolic values.
--
-- One value of a law is a number, or - an *event* - an array of the shape that `event(parameters...)` gives.
-- Parameters have leading axes of their own, which broadcast, and the axes of one event last (`rank` of them);
-- :iid(n) adds axes in front. So a distribution has the shape batch .. event, and d:logdensity(x) the shape batch.
--
--   law.define {
--     name = "double_exponential", params = { "mu", { name = "b", check = "positive" } }, support = support.real,
--     logdensity = function(x, mu, b) return -borel.abs(x - mu) / b - borel.log(2 * b) end,
--     draw = function(choice, mu, b) ... end,
--   }
--
-- params       names, or { name =, check = one of `checks` below, rank = 0 }
-- event        function(parameters...) -> shape of one value; absent: a number
-- support      one of borel.support, or a function(parameters...) that returns one
-- logdensity   elementwise, normalised; of an event: one number
-- batched      logdensity copes with leading axes itself, where it otherwise is called for one event at a time
--              (laws with an event or with parameters of rank > 0); or a function(parameters...) that says so
-- check        function(parameters...): raises an error when they do not fit together
-- draw         function(choice, parameters...) -> one value; absent: the law cannot be drawn from
-- lanes        `draw` is arithmetic on one answer of `choice` for each question, so that it may be given the answers and the
--              parameters of all particles at once: "whole" when it asks for one uniform or normal, "each" otherwise
-- logcdf, logccdf   log P(X <= x) and log P(X > x) for numbers x of the support, elementwise; one of them is enough
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"

local law = {}
local laws, constructors = {}, {}

local MOST_REPETITIONS = 1e7

local Dist = { is_distribution = true }
Dist.__index = Dist
law.Dist = Dist

-- ---- shapes -------------------------------------------------------------------------------------------

local function joined(a, b)
  local all = { table.unpack(a) }
  for _, n in ipairs(b) do all[#all + 1] = n end
  return all
end

-- The first or the last axes of a shape.
local function leading(shape, count) return { table.unpack(shape, 1, count) } end
local function trailing(shape, count) return { table.unpack(shape, #shape - count + 1) } end

local function broadcast_parameters(self)
  local shape = {}
  for i, param in ipairs(self.args) do
    local own = type(param) ~= "number" and shapes.of(param) or nil
    if own and #own > 0 then
      local lead = leading(own, #own - (self.law.params[i].rank or 0))
      local wide = shapes.broadcast(shape, lead)
      if not wide then
        core.error(("%s: parameters of shapes %s and %s do not fit together"):format(self.law.name, shapes.text(shape), shapes.text(lead)))
      end
      shape = wide
    end
  end
  return shape
end

--- Axes of independent values: those of iid, then what the parameters broadcast to.
function Dist:batch_shape()
  if self.plain then return {} end
  local shape = joined(self.batch, broadcast_parameters(self))
  return self.vector and leading(shape, #shape - self.vector) or shape
end

--- The shape of one value.
function Dist:event_shape()
  if self.vector then return trailing(joined(self.batch, broadcast_parameters(self)), self.vector) end
  return self.law.event and self.law.event(table.unpack(self.args)) or {}
end

--- The shape of a value: batch axes, then those of the event.
function Dist:shape()
  if self.plain then return {} end
  local shape = joined(self:batch_shape(), self:event_shape())
  if #shape > core.MAX_RANK then
    core.error(("%s: the shape %s has more than %d axes"):format(self.law.name, shapes.text(shape), core.MAX_RANK))
  end
  return shape
end

local function copy(self)
  local other = {}
  for key, value in pairs(self) do other[key] = value end
  return setmetatable(other, getmetatable(self))
end

--- A copy with independent repetitions: :iid(n) or :iid(n, m).
function Dist:iid(...)
  if getmetatable(self) ~= Dist then core.error("iid: call it with a colon, as in dist.normal(0, 1):iid(3)") end
  local batch = { ... }
  if #batch == 0 then core.error(self.law.name .. ":iid needs the number of repetitions") end
  local total = 1.0
  for i, n in ipairs(batch) do
    if type(n) ~= "number" or not math.tointeger(n) or n < 1 then
      core.error(("%s:iid: the number of repetitions is %s, must be a whole number of at least 1"):format(self.law.name, tostring(n)))
    end
    batch[i] = math.tointeger(n)
    total = total * n
  end
  if total > MOST_REPETITIONS then
    core.error(("%s:iid: %.4g repetitions are more than %.4g"):format(self.law.name, total, MOST_REPETITIONS))
  end
  local repeated = copy(self)
  repeated.plain = nil
  repeated.batch = joined(batch, self.batch)
  repeated:shape()
  return repeated
end

-- ---- one event at a time ----------------------------------------------------------------------------------

-- x, whose leading axes are `batch` and whose other axes are `event`, as a function of the flat number of the event.
local function events_of(x, batch, event)
  local count = shapes.size(batch)
  if #batch == 0 then return function() return x end end
  local rows = x:reshape(joined({ count }, event))
  return function(k) return rows[k] end
end

-- The parameters of the k-th event of the batch.
local function parameters_of(self, batch)
  local at = {}
  for i, arg in ipairs(self.args) do
    local own = shapes.of(arg)
    local event = trailing(own, self.law.params[i].rank or 0)
    if #own == #event then
      at[i] = function() return arg end
    else
      at[i] = events_of(arg + core.zeros(joined(batch, event)), batch, event)
    end
  end
  return function(k)
    local args = {}
    for i, get in ipairs(at) do args[i] = get(k) end
    return args
  end
end

-- What fn(k) returns for every event of the batch, as one value of shape batch .. event.
local function collect(batch, event, fn)
  if #batch == 0 then return fn(1) end
  local parts = {}
  for k = 1, shapes.size(batch) do parts[k] = fn(k) end
  local all = core.stack(parts)
  return all:reshape(joined(batch, event))
end

-- ---- support ------------------------------------------------------------------------------------------------

--- The support of the values; axes of one value of it: support.rank.
function Dist:support()
  if self.modifier then return self.modifier end
  local s = self.law.support
  if type(s) == "function" then return s(table.unpack(self.args)) end
  return s
end

-- Shape of the values as the support sees it: batch axes, axes that it maps together.
local function support_shape(self, s)
  local shape, rank = self:shape(), s.rank or 0
  return leading(shape, #shape - rank), trailing(shape, rank)
end

local function as_it_comes(s, batch) return (s.rank or 0) == 0 or #batch == 0 or s.batched end

--- The shape of the unconstrained coordinates u of a value.
function Dist:free_shape()
  local s = self:support()
  local batch, event = support_shape(self, s)
  return joined(batch, s.free and s.free(event) or event)
end

--- The value x at unconstrained coordinates u, and the log-determinant of its Jacobian: elementwise, a number, or nil
-- for the identity.
function Dist:constrain(u)
  local s = self:support()
  local batch, event = support_shape(self, s)
  if as_it_comes(s, batch) then return s.constrain(u, event) end
  local free = s.free and s.free(event) or event
  local at, log_jacobian = events_of(u, batch, free), 0
  local x = collect(batch, event, function(k)
    local value, jacobian = s.constrain(at(k), event)
    if jacobian then log_jacobian = log_jacobian + core.sum(jacobian) end
    return value
  end)
  return x, log_jacobian
end

--- The elements of one value that its support declares constant: { size = elements of one value, runs = { { first,
-- last } of 0-based places, row-major } }; nil where all can move.
function Dist:constant_elements()
  local s = self:support()
  local whole = s.discrete and s.count == 1
  if not whole and not s.constant then return nil end
  local _, event = support_shape(self, s)
  local size, runs = shapes.size(event), {}
  for k = 0, size - 1 do
    if whole or s.constant(table.unpack(shapes.index(event, k))) then
      local last = runs[#runs]
      if last and last[2] == k - 1 then last[2] = k else runs[#runs + 1] = { k, k } end
    end
  end
  return { size = size, runs = runs }
end

--- The unconstrained coordinates of a value.
function Dist:unconstrain(x)
  local s = self:support()
  local batch, event = support_shape(self, s)
  if as_it_comes(s, batch) then return s.unconstrain(x) end
  local at = events_of(x, batch, event)
  return collect(batch, s.free and s.free(event) or event, function(k) return s.unconstrain(at(k)) end)
end

-- true for each row whose elements all are, along the last axes.
local function all_of(mask, axes)
  if type(mask) == "boolean" or axes == 0 then return mask end
  local outside = core.where(mask, 0.0, 1.0)
  for _ = 1, axes do outside = core.sum(outside, #outside.shape) end
  return core.eq(outside, 0)
end

--- Which values of the batch lie in the support: a mask, or true when every number does.
function Dist:contains(x)
  local s = self:support()
  local rank = #self:event_shape()
  if s.contains == nil and not s.discrete then return true end
  if s.contains == nil then
    local mask = core.logical_and(core.eq(x, core.floor(x)), core.ge(x, s.lowest))
    if s.count then mask = core.logical_and(mask, core.le(x, s.lowest + s.count - 1)) end
    return all_of(mask, rank)
  end
  local batch, event = support_shape(self, s)
  local mask
  if as_it_comes(s, batch) then
    mask = s.contains(x)
  else
    local at = events_of(x, batch, event)
    local parts = {}
    for k = 1, shapes.size(batch) do parts[k] = core.where(s.contains(at(k)), 1.0, 0.0) end
    mask = core.eq(core.stack(parts):reshape(batch), 1)
  end
  return all_of(mask, rank - (s.rank or 0))
end

-- ---- densities and draws ---------------------------------------------------------------------------------------

-- Does the law take whole batches? Elementwise ones do.
local function takes_batches(definition, ...)
  local batched = definition.batched
  if type(batched) == "function" then return batched(...) end
  if batched then return true end
  if definition.event then return false end
  for _, param in ipairs(definition.params) do
    if (param.rank or 0) > 0 then return false end
  end
  return true
end
law.takes_batches = takes_batches

--- Log-density of each value of the batch, where x lies in the support.
function Dist:inside(x)
  local batch = self:batch_shape()
  local lp
  if takes_batches(self.law, table.unpack(self.args)) or #batch == 0 then
    lp = self.law.logdensity(x, table.unpack(self.args))
  else
    local value, args = events_of(x, batch, self:event_shape()), parameters_of(self, batch)
    lp = collect(batch, {}, function(k) return self.law.logdensity(value(k), table.unpack(args(k))) end)
  end
  if type(lp) ~= "number" and not core.is_array(lp) and not core.is_symbolic(lp) then
    core.error(("%s: its logdensity returned a %s, must be a number, an array or a value of the model"):format(self.law.name, type(lp)))
  end
  if self.vector then -- a vector of independent elements
    lp = lp + core.zeros(self:shape())
    for _ = 1, self.vector do lp = core.sum(lp, #lp.shape) end
    return lp + (self.log_orders or 0)
  end
  if #shapes.of(lp) < #batch then lp = lp + core.zeros(batch) end -- the same for every element
  return lp
end

-- Do its parameters differ between particles?
function Dist:varies()
  for _, arg in ipairs(self.args) do
    if core.is_particles(arg) then return true end
  end
  return false
end

-- The same for a number and a distribution of numbers, whose support is the same for all particles.
local function plain_density(self, x)
  local s = self.law.support
  if type(s) == "function" then s = s(table.unpack(self.args)) end
  if s.contains then
    if not s.contains(x) then return -math.huge end
  elseif s.discrete and (x < s.lowest or x ~= math.floor(x) or s.count and x > s.lowest + s.count - 1) then
    return -math.huge
  end
  return self.law.logdensity(x, table.unpack(self.args))
end

--- Log-density of each value in x: -inf outside the support. x has the axes of one value last; those before them
-- broadcast with the batch.
function Dist:logdensity(x)
  if self.plain and type(x) == "number" and (type(self.law.support) == "table" or not self:varies()) then return plain_density(self, x) end
  if type(x) == "table" and getmetatable(x) == nil then x = core.array(x) end
  if type(x) ~= "number" and type(x) ~= "boolean" and not core.is_array(x) and not core.is_symbolic(x) then
    core.error(("%s:logdensity: needs a number, an array or a value of the model, got a %s"):format(self.law.name, type(x)))
  end
  local event, have = self:event_shape(), shapes.of(x)
  if not shapes.equal(trailing(have, math.min(#event, #have)), event) then
    core.error(("%s:logdensity: the value has shape %s, one value of the distribution has shape %s"):format(self.law.name,
      shapes.text(have), shapes.text(event)))
  end
  local lead, batch = leading(have, #have - #event), self:batch_shape()
  local every = self
  if #lead > #batch then
    every = self:iid(table.unpack(lead, 1, #lead - #batch))
    batch = every:batch_shape()
  end
  local wide = shapes.broadcast(lead, batch)
  if not wide then
    core.error(("%s:logdensity: a value of shape %s and a distribution of shape %s do not fit together"):format(self.law.name,
      shapes.text(have), shapes.text(self:shape())))
  end
  if #event > 0 and not shapes.equal(lead, batch) then x = x + core.zeros(every:shape()) end
  local mask = every:contains(x)
  if mask == false and #wide == 0 then return -math.huge end
  local lp = every:inside(x)
  if not shapes.equal(shapes.of(lp), wide) then lp = lp + core.zeros(wide) end -- the same for every value
  if shapes.all_true(mask) then return lp end
  return core.where(mask, lp, -math.huge)
end

-- A number for each place of the batch, from parameters that are numbers there: plain Lua numbers, as elements of
-- arrays would cost more than the draws.
local function draw_numbers(self, choice, batch)
  local count, draw, args, columns, values = shapes.size(batch), self.law.draw, { table.unpack(self.args) }, {}, {}
  for i, arg in ipairs(self.args) do
    local own = shapes.of(arg)
    if #own > 0 then
      local full = shapes.equal(own, batch) and arg or arg + core.zeros(batch)
      columns[i] = full:reshape({ count }):totable()
    end
  end
  for k = 1, count do
    for i, column in pairs(columns) do args[i] = column[k] end
    values[k] = draw(choice, table.unpack(args))
  end
  return core.array(values):reshape(batch)
end

local function array_of(value) return type(value) == "table" and getmetatable(value) == nil and core.array(value) or value end

--- A value drawn from `choice`: a number, or an array of shape(); nil when the law cannot be drawn from.
function Dist:draw(choice)
  if not self.law.draw then return nil end
  if self.plain then return self.law.draw(choice, table.unpack(self.args)) end
  local batch, event, elementwise = self:batch_shape(), self:event_shape(), not self.law.event
  if self.vector then batch, event = joined(batch, event), {} end
  for _, param in ipairs(self.law.params) do elementwise = elementwise and (param.rank or 0) == 0 end
  local x
  if #batch == 0 then
    x = array_of(self.law.draw(choice, table.unpack(self.args)))
  elseif elementwise then
    x = draw_numbers(self, choice, batch)
  else
    local args = parameters_of(self, batch)
    x = collect(batch, event, function(k) return array_of(self.law.draw(choice, table.unpack(args(k)))) end)
  end
  return self.arrange and self.arrange(x) or x
end

function Dist:__tostring()
  local parts = {}
  for i, arg in ipairs(self.args) do parts[i] = tostring(arg) end
  local text = self.law.name .. "(" .. table.concat(parts, ", ") .. ")"
  if #self.batch > 0 then text = text .. ":iid(" .. table.concat(self.batch, ", ") .. ")" end
  return text
end

--- The same law over another support, whose last `vector` axes are then one value.
function law.modified(self, modifier, vector)
  local other = copy(self)
  other.modifier, other.vector, other.plain = modifier, vector, nil
  return other
end

-- ---- definitions -----------------------------------------------------------------------------------------------

-- Checks of a parameter that is known now; symbolic ones show up as a term that is not finite.
local function both(a, b) return core.logical_and(a, b) end
local checks = {
  finite = { test = function(x) return both(core.gt(x, -math.huge), core.lt(x, math.huge)) end, text = "finite" },
  positive = { test = function(x) return both(core.gt(x, 0), core.lt(x, math.huge)) end, text = "positive and finite" },
  nonnegative = { test = function(x) return both(core.ge(x, 0), core.lt(x, math.huge)) end, text = "at least 0 and finite" },
  probability = { test = function(x) return both(core.ge(x, 0), core.le(x, 1)) end, text = "between 0 and 1" },
  fraction = { test = function(x) return both(core.gt(x, 0), core.lt(x, 1)) end, text = "between 0 and 1, not 0 or 1" },
  count = { test = function(x) return both(core.ge(x, 0), core.eq(x, core.floor(x))) end, text = "a whole number of at least 0" },
  increasing = {
    test = function(x)
      local n = x.shape[#x.shape]
      local rows, increases = x:reshape({ x.size // n, n }):totable(), true
      for _, row in ipairs(rows) do
        for i = 2, n do increases = increases and row[i] > row[i - 1] end
      end
      return increases
    end,
    text = "increasing",
  },
}

-- The first element that a rule refuses, as text: "-1", or "-1 at place 3".
local function first_refused(value, mask)
  if type(value) == "number" or not core.is_array(mask) or mask.size ~= value.size then return tostring(value) end
  for i, inside in ipairs(shapes.flat(mask)) do
    if inside == false or inside == 0 then return ("%s at place %d"):format(tostring(shapes.flat(value)[i]), i) end
  end
end

local function check_param(self, param, value)
  if type(value) == "number" and (param.rank or 0) == 0 and not (handler.checks() and (param.check or value ~= value)) then return value end
  local where_text = ("%s: %s"):format(self.name, param.name)
  if type(value) == "table" and getmetatable(value) == nil then value = core.array(value) end
  if value == nil then core.error(("%s is missing: %s"):format(where_text, self.usage)) end
  if type(value) ~= "number" and not core.is_array(value) and not core.is_symbolic(value) then
    core.error(("%s must be a number, an array or a value of the model, got a %s"):format(where_text,
      type(value) == "table" and value.is_distribution and "distribution (sample draws a value from it)" or type(value)))
  end
  local rank = param.rank or 0
  if #shapes.of(value) < rank then
    core.error(("%s must be a %s, its shape is %s"):format(where_text, rank == 1 and "vector" or "matrix", shapes.text(shapes.of(value))))
  end
  if not core.is_symbolic(value) then
    if handler.checks() and shapes.first_nan(value) then core.error(where_text .. " is NaN") end
    local rule = handler.checks() and checks[param.check]
    local mask = not rule or rule.test(value)
    if not shapes.all_true(mask) then
      core.error(("%s is %s, must be %s"):format(where_text, first_refused(value, mask), rule.text))
    end
  end
  return value
end

local function check_definition(definition)
  if type(definition) ~= "table" then core.error("dist.define: needs a table, got a " .. type(definition)) end
  local kinds = { name = "string", params = "table", logdensity = "function" }
  for field, kind in pairs(kinds) do
    if type(definition[field]) ~= kind then
      core.error(("dist.define: '%s' must be a %s, got a %s"):format(field, kind, type(definition[field])))
    end
  end
  if type(definition.support) ~= "table" and type(definition.support) ~= "function" then
    core.error(("dist.define '%s': 'support' must be one of borel.support, or a function that returns one"):format(definition.name))
  end
  for _, field in ipairs { "draw", "event", "check", "logcdf", "logccdf" } do
    if definition[field] ~= nil and type(definition[field]) ~= "function" then
      core.error(("dist.define '%s': '%s' must be a function, got a %s"):format(definition.name, field, type(definition[field])))
    end
  end
  if laws[definition.name] then core.error(("dist.define: there is a distribution '%s' already"):format(definition.name)) end
end

local NONE = {}

local number_type, is_particles = math.type, core.is_particles

-- Numbers, or one of each particle?
local function all_scalars(count, a, b, c)
  return (count < 1 or number_type(a) or is_particles(a) == 0) and (count < 2 or number_type(b) or is_particles(b) == 0)
    and (count < 3 or number_type(c) or is_particles(c) == 0)
end

--- The function that makes distributions of a law, which then has no name in `dist`.
function law.constructor(definition)
  local names = {}
  for i, param in ipairs(definition.params) do
    if type(param) == "string" then definition.params[i] = { name = param } end
    names[i] = definition.params[i].name
  end
  definition.usage = definition.name .. "(" .. table.concat(names, ", ") .. ")"
  local simple = not definition.event and not definition.check and #definition.params <= 3
  for _, param in ipairs(definition.params) do simple = simple and (param.rank or 0) == 0 end
  return function(...)
    local count = select("#", ...)
    if simple and count == #definition.params and all_scalars(count, ...) and not handler.checks() then
      return setmetatable({ law = definition, args = { ... }, batch = NONE, plain = true }, Dist)
    end
    local args = { ... }
    if count > #definition.params then
      core.error(("%s takes %d parameters, got %d: %s"):format(definition.name, #definition.params, count, definition.usage))
    end
    local plain = not definition.event
    for i, param in ipairs(definition.params) do
      args[i] = check_param(definition, param, args[i])
      plain = plain and all_scalars(1, args[i])
    end
    if definition.check then definition.check(table.unpack(args)) end
    local self = setmetatable({ law = definition, args = args, batch = NONE }, Dist)
    if plain then -- nothing has a shape
      self.plain = true
      return self
    end
    self:shape()
    return self
  end
end

--- Defines a law and returns its constructor; the head of this file says what a definition holds.
function law.define(definition)
  check_definition(definition)
  laws[definition.name] = definition
  constructors[definition.name] = law.constructor(definition)
  return constructors[definition.name]
end

--- Constructors by name.
law.constructors = constructors

return law
