-- SPDX-License-Identifier: MIT
--- Handlers that run a model on plain numbers. One draws every site from its prior and notes the
-- log-density of every term (the trace check compares these with the graph); one draws from an enumerating
-- source and keeps only the weight.
local core = require "borel.core"
local shapes = require "borel.shape"
local sites = require "borel.sites"

local concrete = {}

-- ---- drawing and scoring --------------------------------------------------------------------------------

local CYCLE = 8 -- turns in which all discrete sites take their k-th value
concrete.TURNS = 2 * CYCLE

local Scorer = {}
Scorer.__index = Scorer

--- A handler whose randomness is keyed by (seed, lane): every site has streams of its own.
-- After the run: terms = { {label =, value = }, ... }, u, z = coordinates in order, values = {name = value}; kept = those of z
-- whose site is not summed out of the traced density.
-- With `turn` = 0, 1, ... discrete sites are not drawn: first all take their k-th value together, k = 0, 1, ...,
-- `most` times, then each site another one.
function concrete.scorer(seed, lane, turn)
  return setmetatable({ lenient = true, turn = turn, discrete = 0, most = 0, seed = seed, lane = lane,
    terms = {}, u = {}, z = {}, kept = {}, values = {}, sites = sites.new() }, Scorer)
end

function Scorer:choice(address) return core.philox(core.stream_key(self.seed, "prior", address), self.lane) end

function Scorer:term(label, value)
  self.terms[#self.terms + 1] = { label = label, value = type(value) == "number" and value or core.sum(value) }
end

-- u ~ U(-2, 2), where there is no prior to draw from or a draw has no finite coordinate.
local function flat_coordinates(choice, shape)
  local values = {}
  for i = 1, shapes.size(shape) do values[i] = 4 * choice:uniform() - 2 end
  if #shape == 0 then return values[1] end
  return core.array(values):reshape(shape)
end

local function all_finite(value)
  for _, x in ipairs(shapes.flat(value)) do
    if x - x ~= 0 then return false end
  end
  return true
end

-- The value of a discrete site: `drawn`, or the one whose turn it is.
function Scorer:take_turn(dist, support, drawn)
  local count = support.count
  if not count then return drawn end
  self.discrete, self.most = self.discrete + 1, math.max(self.most, count)
  if not self.turn then return drawn end
  local k = self.turn < CYCLE and self.turn or self.turn - CYCLE + self.discrete
  local shape, value = dist:shape(), support.lowest + k % count
  if #shape == 0 then return value end
  local values = {}
  for i = 1, shapes.size(shape) do values[i] = value end
  return core.array(values, "i64"):reshape(shape)
end

function Scorer:sample(address, dist, marginalize)
  local label = self.sites:add(address)
  local choice, support = self:choice(address), dist:support()
  local drawn, x = pcall(dist.draw, dist, choice)
  if not drawn then -- a parameter was drawn that the law cannot have
    if support.discrete then error(x, 0) end
    x = nil
  end
  if support.discrete then
    x = self:take_turn(dist, support, x)
    for _, k in ipairs(shapes.flat(x)) do
      self.z[#self.z + 1] = k
      if not marginalize then self.kept[#self.kept + 1] = k end
    end
    self:term(label, dist:inside(x))
  else
    local u = x and dist:unconstrain(x)
    if not u or not all_finite(u) then u = flat_coordinates(choice, dist:free_shape()) end
    local log_jacobian
    x, log_jacobian = dist:constrain(u) -- what the graph will compute from u
    for _, k in ipairs(shapes.flat(u)) do self.u[#self.u + 1] = k end
    local lp = dist:inside(x)
    lp = type(lp) == "number" and lp or core.sum(lp)
    if log_jacobian then lp = lp + (type(log_jacobian) == "number" and log_jacobian or core.sum(log_jacobian)) end
    self:term(label, lp)
  end
  self.values[address] = x
  return x
end

function Scorer:observe(address, dist, value)
  local label
  label, value = self.sites:observed(address, dist, value)
  self:term(label, dist:logdensity(value))
  return value
end

function Scorer:factor(name, log_weight) self:term(self.sites:factor(name), log_weight) end

function Scorer:deterministic(name, value)
  self.sites:add(name, "deterministic value")
  self.values[name] = value
end

-- ---- starting values ------------------------------------------------------------------------------------------

local Starter = setmetatable({}, { __index = Scorer })
Starter.__index = Starter

--- A handler that gives the sites in `given` their values there and draws the others. After the run u and kept hold the
-- coordinates of the values given, NaN elsewhere; `used` the names that were met.
function concrete.starter(seed, given)
  return setmetatable({ lenient = true, discrete = 0, most = 0, seed = seed, lane = 0, terms = {}, u = {}, z = {}, kept = {}, values = {},
    given = given, used = {}, sites = sites.new() }, Starter)
end

function Starter:sample(address, dist, marginalize)
  local value = self.given[address]
  local from_u, from_z = #self.u, #self.kept
  local drawn = Scorer.sample(self, address, dist, marginalize)
  if value == nil then
    for i = from_u + 1, #self.u do self.u[i] = 0 / 0 end
    for i = from_z + 1, #self.kept do self.kept[i] = 0 / 0 end
    return drawn
  end
  if marginalize then core.error(("init of '%s': the site is summed out, so that it starts nowhere"):format(address)) end
  self.used[address] = true
  value = sites.checked(("init of '%s'"):format(address), dist, value)
  local coordinates = dist:support().discrete and self.kept or self.u
  local flat = shapes.flat(dist:support().discrete and value or dist:unconstrain(value))
  for i, x in ipairs(flat) do
    if x - x ~= 0 then core.error(("init of '%s': the value must lie inside the support of %s, not on its edge or beyond"):format(address,
      dist.law.name)) end
    coordinates[(coordinates == self.u and from_u or from_z) + i] = x
  end
  return value
end

-- ---- enumerating --------------------------------------------------------------------------------------------

local Weigher = {}
Weigher.__index = Weigher

--- A handler that draws from `choice` and sums the log-weights of observe and factor.
function concrete.weigher(choice) return setmetatable({ choice = choice, log_weight = 0, sites = sites.new() }, Weigher) end

function Weigher:sample(address, dist)
  self.sites:add(address)
  if not dist.law.draw then core.error("site '" .. address .. "': " .. dist.law.name .. " cannot be drawn from") end
  return dist:draw(self.choice)
end

function Weigher:weigh(lp) self.log_weight = self.log_weight + (type(lp) == "number" and lp or core.sum(lp)) end

function Weigher:observe(address, dist, value)
  local _, seen = self.sites:observed(address, dist, value)
  self:weigh(dist:logdensity(seen))
  return seen
end

function Weigher:factor(_, log_weight)
  if type(log_weight) == "number" and log_weight ~= log_weight then core.error("factor: the log-weight is NaN") end
  self:weigh(log_weight)
end

function Weigher:deterministic(name) self.sites:add(name, "deterministic value") end

return concrete
