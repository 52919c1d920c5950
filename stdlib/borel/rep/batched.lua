-- SPDX-License-Identifier: MIT
--- A model run once for all particles: every drawn value is that of the whole population, and arithmetic on it works on all
-- particles at once. The program suspends behind a factor with all of them, and after a resampling what it still holds is
-- brought to the new rows when it is read (lua/particles.c). So all particles take the same path through the program: a
-- choice that depends on a drawn value is borel.where(mask, a, b).
--
-- Lua hides some choices: a drawn value is true in `if x`, and `x == 1` is false. The code is searched for them, and the first
-- particle runs alone as well until the first resampling: its weight must be the same.
--
-- The coroutine goes on once. Where every choice is enumerated, and one population has many futures, choices are
-- recorded and the program runs again on them.
local core = require "borel.core"
local handler = require "borel.handler"
local lint = require "borel.lint"
local model = require "borel.model"
local particles = require "borel.rep.particles"
local unit = require "borel.rep.unit"

local batched = {}

-- ---- the handler that runs the program -----------------------------------------------------------------------------------

-- player: { world =, lineage =, score = [N], passed =, skip = factors that count already, stop = factors behind which to suspend,
--   records = choices made where they are recorded: { address =, value = }, known = how many of them are given, count = so far }
local Player = { lenient = true }
Player.__index = Player

local Names = {}
Names.__index = Names

function Names:add(address)
  if self.seen[address] then
    core.error(("the site '%s' was already made in this run: every name is used once (in a loop: {\"%s\", i})"):format(address, address))
  end
  self.seen[address] = true
  return address
end

function Names.plate() end

function Player:sample(address, dist)
  self.sites:add(address)
  self.count = self.count + 1
  local records = self.records
  if self.count <= self.known then
    local record = records[self.count]
    if record.address ~= address then
      core.error(("the model is not deterministic given its choices: choice %d was '%s' and is now '%s'"):format(self.count,
        record.address, address))
    end
    return core.particles_at(record.value, self.lineage)
  end
  local value = particles.draw(dist, self.world, address, self.lineage)
  if records then records[self.count] = { address = address, value = core.particles_at(value, self.lineage) } end
  return value
end

local SUSPENDED, DEAD = {}, {}

local function pass(self, what, log_weight)
  local alive
  self.passed = self.passed + 1
  if self.passed > self.skip then
    self.score, alive = core.passed(self.score, log_weight, what)
    if not alive then coroutine.yield(DEAD) end
  end
  if self.passed == self.stop then coroutine.yield(SUSPENDED) end
end

function Player:observe(address, dist, value)
  if address then self.sites:add(address) end
  local what = address and ("observed '%s'"):format(address) or "observe"
  pass(self, what .. ": the log-density", particles.observed(what, dist, value))
  return value
end

function Player:factor(name, log_weight)
  if name then self.sites:add(name) end
  pass(self, ("factor%s: the log-weight"):format(name and (" '%s'"):format(name) or ""), particles.sum(log_weight))
end

function Player:deterministic(name) self.sites:add(name) end

function Player.inside(_, address)
  core.error(("'%s': a program inside another one runs for one particle at a time: run the model itself, not rep.batched(model)"):format(
    address))
end

function Player.checkpoint(_, state) return state end

-- ---- units ------------------------------------------------------------------------------------------------------------------

-- { program =, lineage =, score =, passed =, count = choices, records =, live = { thread =, player =, turn = }, turn =,
--   first = the first particle as a unit of its own, until the first resampling }
local Batch = particles.kind {}

function Batch:moved()
  if self.passed > 0 then self.first = nil end
end

function Batch:text()
  local parts = { self.forgotten and particles.text(self.value, self.lineage) or "" }
  for n = 1, self.forgotten and 0 or self.count do
    local record = self.records[n]
    parts[n + 1] = record.address .. "=" .. particles.text(record.value, self.lineage)
  end
  return table.concat(parts, " ")
end

local function begin(self, world)
  local player = setmetatable({ count = 0, passed = 0, known = self.count, skip = self.passed }, Player)
  player.sites = setmetatable({ seen = {} }, Names)
  if world:enumerates() then player.records = self.records or {} end
  if self.passed > 0 and not self.records then
    core.error "a population of rep.batched(model) goes on once: run the composition again for another future"
  end
  local live = { player = player, turn = 0 }
  live.thread = coroutine.create(function()
    local values = table.pack(self.program(player))
    return nil, values.n > 1 and values or values[1]
  end)
  return live
end

local TOLERANCE = 1e-9

-- The first particle, which has gone on alone, against the same one among all; it is nil where choices are not drawn apart.
local function compared(first, world, level, new)
  if not first or not world:separate() then return nil end
  first = unit.advance(first, world, 0, level)
  local alone, among = first.score, new.score[1]
  if alone == among or math.abs(alone - among) <= TOLERANCE * math.max(1, math.abs(alone)) then return first end
  core.error(("rep.batched: behind factor %d the first particle has the log-weight %.12g, and %.12g when it runs alone: the program "
    .. "tests a drawn value (`if x`, `x == 1`), which has one answer for all particles: use borel.where and borel.eq"):format(
    new.passed, among, alone))
end

local function resume(live)
  live.turn = live.turn + 1
  local ok, what, value = handler.resume(live)
  if not ok then error(what, 0) end
  return what, value
end

--- The units behind factor `level`, or at their end.
function Batch:advance(world, level)
  if self.finished or self.dead then return self end
  local live = self.live
  if not live or live.turn ~= self.turn then live = begin(self, world) end
  local player = live.player
  player.world, player.lineage, player.score, player.stop = world, self.lineage, self.score, level
  if player.records then player.records = { table.unpack(player.records, 1, self.count) } end
  local what, value = particles.within(self.lineage, resume, live)
  local new = { program = self.program, lineage = self.lineage, score = player.score, passed = player.passed, count = player.count,
    records = player.records }
  new.first = compared(self.first, world, level, new)
  if what == SUSPENDED then
    new.live, new.turn = live, live.turn
  elseif what == DEAD then
    new.dead = true
  else
    new.finished, new.value = true, value
  end
  return setmetatable(new, Batch)
end

--- The same units without their choices; those that have not ended keep them.
function Batch:forget()
  local new = {}
  for key, value in pairs(self) do new[key] = value end
  if self.finished then new.forgotten, new.records, new.count = true, nil, 0 end
  return setmetatable(new, Batch)
end

-- ---- the form ---------------------------------------------------------------------------------------------------------------

local Batched = { is_form = true }
Batched.__index = Batched

--- One unit that has not begun.
function Batched:units(args)
  local m = self.model
  local function program(h) return m:run(h, table.unpack(args, 1, args.n)) end
  return setmetatable({ program = program, lineage = core.lineage(1), score = core.zeros(1), passed = 0, count = 0,
    first = unit.new(program) }, Batch)
end

--- rep.batched(model): the model as a form that runs once for all particles. Errors: a test of a drawn value, where it can be
-- seen in the code, now; another use of one as a number or a boolean, while it runs.
function batched.new(m)
  model.need("rep.batched", m)
  local findings = lint.check(m.fn)
  if findings[1] then
    core.error("rep.batched: " .. findings[1].text:gsub("while a model is traced this", "where it runs once for all particles this"))
  end
  return setmetatable({ model = m }, Batched)
end

return batched
