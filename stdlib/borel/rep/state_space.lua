-- SPDX-License-Identifier: MIT
--- State-space models said as such: the law of the first state, of the next one given the last, and of what is seen given
-- the state. A population of them is arrays, the state x [N, D] of all particles and their weights [N], and goes from one
-- observation to the next without running a program; the density of a transition is there for smoothers.
local core = require "borel.core"
local handler = require "borel.handler"
local model = require "borel.model"
local options = require "borel.options"
local particles = require "borel.rep.particles"

local state_space = {}

-- ---- one step -----------------------------------------------------------------------------------------------------------

local function is_law(value) return type(value) == "table" and value.is_distribution == true end

local function need_dist(what, t, dist)
  if not is_law(dist) then
    core.error(("state_space: %s must return a distribution, at t = %d it returned a %s"):format(what, t, type(dist)))
  end
  return dist
end

local function next_law(self, t, x, args)
  if t == 1 then return need_dist("init", t, self.init(table.unpack(args, 1, args.n))) end
  return need_dist("transition", t, self.transition(t, x, table.unpack(args, 1, args.n)))
end

local function steps_of(self, args)
  local steps = self.steps
  if type(steps) == "function" then steps = steps(table.unpack(args, 1, args.n)) end
  if math.type(steps) ~= "integer" or steps < 1 then
    core.error(("state_space: steps is %s, must be a whole number of at least 1, or a function of the data that returns one"):format(
      tostring(steps)))
  end
  return steps
end

-- ---- a population in arrays ------------------------------------------------------------------------------------------------

-- { space =, args =, steps =, lineage =, score =, passed = t, x = value of all particles, path = { x =, before = } }
local States = particles.kind {}

-- The rows of `before` that these units have been made of.
function States:moved()
  if self.x then self.x = core.particles_at(self.x, self.lineage) end
end

function States:text()
  local parts, path = { particles.text(self.x, self.lineage) }, self.path
  while path do
    parts[#parts + 1] = particles.text(path.x, self.lineage)
    path = path.before
  end
  return table.concat(parts, " ")
end

local what_handlers_ask = { lenient = true }
function what_handlers_ask.sample() core.error "state_space: its functions return distributions; they do not sample" end
function what_handlers_ask.observe() core.error "state_space: observe returns a distribution and a value, or a log-weight" end
what_handlers_ask.factor = what_handlers_ask.observe
function what_handlers_ask.deterministic() end

-- One observation further.
local function step(new, space, t, world)
  local x = particles.draw(next_law(space, t, new.x, new.args), world, new.addresses[t], new.lineage)
  local seen, value = space.observe(t, x, table.unpack(new.args, 1, new.args.n))
  local what = ("state_space: the log-weight at t = %d"):format(t)
  if is_law(seen) then seen = particles.observed(what, seen, value) end
  local alive
  new.score, alive = core.passed(new.score, seen, what)
  new.x, new.passed, new.dead = x, t, not alive
  if space.keep == "paths" then new.path = { x = x, before = new.path } end
end

local function value_of(self)
  if self.space.keep ~= "paths" then return self.x end
  local list, path = {}, self.path
  for t = self.steps, 1, -1 do
    list[t], path = path.x, path.before
  end
  return list
end

local function run(new, world, level)
  while new.passed < math.min(level, new.steps) and not new.dead do step(new, new.space, new.passed + 1, world) end
  if new.passed < level and not new.dead then
    new.finished, new.value = true, value_of(new)
  end
end

--- The units behind observation `level`, or at their end.
function States:advance(world, level)
  if self.finished or self.dead then return self end
  local new = {}
  for key, value in pairs(self) do new[key] = value end
  setmetatable(new, States)
  particles.within(new.lineage, handler.with, what_handlers_ask, run, new, world, level)
  return new
end

--- The same units, which can no longer move.
function States:forget() return self end
States.freeze = States.forget

-- ---- the model ----------------------------------------------------------------------------------------------------------------

local StateSpace = { is_form = true }
StateSpace.__index = StateSpace

--- One unit that has not begun.
function StateSpace:units(args)
  local steps, addresses = steps_of(self, args), {}
  for t = 1, steps do addresses[t] = ("%s[%d]"):format(self.name, t) end
  return setmetatable({ space = self, args = args, steps = steps, addresses = addresses, lineage = core.lineage(1),
    score = core.zeros(1), passed = 0 }, States)
end

--- space:model(): the same as a borel.model, whose sites are {"x", t}.
function StateSpace:model()
  return model.new(function(...)
    local args, path, x = table.pack(...), {}, nil
    for t = 1, steps_of(self, args) do
      x = handler.sample({ self.name, t }, next_law(self, t, x, args))
      local seen, value = self.observe(t, x, ...)
      if is_law(seen) then handler.observe(seen, value) else handler.factor(seen) end
      path[t] = x
    end
    if self.keep == "paths" then return path end
    return x
  end)
end

--- space:transition_logdensity(t, before, after, data...): log p(x_t = after | x_{t-1} = before) of each pair, an array [M], for
-- arrays of M states each: [M] where a state is a number, [M, D] where it is a vector. t >= 2.
function StateSpace:transition_logdensity(t, before, after, ...)
  if math.type(t) ~= "integer" or t < 2 then
    core.error(("transition_logdensity: t is %s, must be a whole number from 2"):format(tostring(t)))
  end
  local args, lineage = table.pack(...), core.lineage(core.array(before).shape[1])
  local x, y = core.particles(core.array(before, "f64"), lineage), core.particles(core.array(after, "f64"), lineage)
  return particles.within(lineage, handler.with, what_handlers_ask, function()
    local lp = particles.sum(next_law(self, t, x, args):logdensity(y))
    if type(lp) == "number" then return core.zeros(#lineage) + lp end
    return core.particles_array(lp)
  end)
end

local given_options = {
  init = { type = "function" }, transition = { type = "function" }, observe = { type = "function" },
  steps = {}, keep = { type = "string", default = "last", choices = { "last", "paths" } }, name = { type = "string", default = "x" },
}

--- borel.state_space{ init =, transition =, observe =, steps = }: a state-space model, t = 1 .. steps.
--   init(data...)              -> the law of x at t = 1; x is a number or a vector
--   transition(t, x, data...)  -> the law of x at t >= 2, given x at t - 1
--   observe(t, x, data...)     -> a distribution and the value that was seen, or a log-weight
--   steps                      a whole number, or a function of the data
--   keep = "last"              what it returns: the last x, or with "paths" the list of all
--   name = "x"                 of the sites of space:model()
-- The functions are given one particle's x, or that of all particles at once, and do to it what a model may do to a drawn
-- value: arithmetic, borel's functions, borel.where for a choice.
function state_space.new(given)
  local self = options.check("state_space", given, given_options)
  for _, name in ipairs { "init", "transition", "observe" } do
    if not self[name] then core.error(("state_space: '%s' is missing"):format(name)) end
  end
  if type(self.steps) ~= "function" and math.type(self.steps) ~= "integer" then
    core.error "state_space: steps must be a whole number, or a function of the data that returns one"
  end
  return setmetatable(self, StateSpace)
end

return state_space
