-- SPDX-License-Identifier: MIT
--- Units: a program that has run up to some point - not begun, suspended behind a factor, or finished. A unit is a
-- value: it is never changed, so any number of particles may be the same unit. It holds the choices that led to where
-- it stands, in chunks linked to what came before, so that copies share their past; a copy goes on by running the
-- program again on these choices. One copy need not: the coroutine that stands there is kept, and whoever asks first
-- takes it.
--
--   program, chunk, count   choices made: a chunk holds address, value, dist of each of its n in turn, behind the `before`
--                           choices of its parent
--   passed, score           factors passed, sum of their log-weights
--   frozen                  choices that no move changes any more
--   inner                   programs run inside, by the number of the choice: { tape =, length = choices of it that count }
--   finished, value         what the program returned
--   dead                    a factor was zero: the unit has no mass and does not run on
--   replicas                units of the same program beside it, see unit.with_replicas
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"
local sites = require "borel.sites"
local MUTANT = require "borel.mutant" "unit"

local unit = {}

local NOTHING = {} -- what a program returns that returns nothing
local INSIDE = { is_distribution = true, law = { name = "an inner program" }, args = {} } -- the mark of one among the choices

-- ---- choices ----------------------------------------------------------------------------------------------------

local function empty_chunk(parent, before) return { false, false, false, parent = parent, before = before, n = 0 } end

local function new_lists(n) return { n = n, address = {}, value = {}, dist = {} } end

-- Copies the choices of `chunk` and its parents behind the first `before` into lists.
local function gather(lists, chunk, before)
  local address, value, dist = lists.address, lists.value, lists.dist
  while chunk and chunk.before + chunk.n > before do
    for k = math.max(before - chunk.before, 0) + 1, chunk.n do
      local n, place = chunk.before + k, 3 * k - 2
      address[n], value[n], dist[n] = chunk[place], chunk[place + 1], chunk[place + 2]
    end
    chunk = chunk.parent
  end
  return lists
end

--- The choices of a unit as lists: n, address, value, dist; those behind the first `before` only.
function unit.choices(u, before)
  if before then return gather(new_lists(u.count), u.chunk, before) end
  u.lists = u.lists or gather(new_lists(u.count), u.chunk, 0)
  return u.lists
end

local function same_value(a, b)
  if type(a) == "number" and type(b) == "number" then
    return a == b and math.type(a) == math.type(b) or a ~= a and b ~= b
  end
  return core.is_array(a) and core.is_array(b) and a.dtype == b.dtype and shapes.equal(a.shape, b.shape)
    and shapes.all_true(core.eq(a, b))
end

unit.same_value = same_value

--- Is it the same law with the same parameters?
function unit.same_dist(a, b)
  if rawequal(a, b) then return true end
  if a.law ~= b.law or a.modifier ~= b.modifier or #a.batch ~= #b.batch then return false end
  for i, x in ipairs(a.args) do
    local y = b.args[i]
    if not rawequal(x, y) and not same_value(x, y) then return false end
  end
  for i, extent in ipairs(a.batch) do
    if b.batch[i] ~= extent then return false end
  end
  return true
end

-- As text, numbers by their bits.
local function text_of(value)
  if math.type(value) == "float" then return ("%a"):format(value) end
  if core.is_array(value) then return core.to_json(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = text_of(part) end
  return "{" .. table.concat(parts, " ") .. "}"
end
unit.text_of = text_of

--- What was returned as text: "1 0" for two values.
function unit.outcome(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then return tostring(value) end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = unit.outcome(part) end
  return table.concat(parts, " ")
end

--- A text that two units share when they stand at the same place, after the same choices, with the same future.
function unit.key(u)
  if u.key then return u.key end
  local parts = { u.finished and "finished" or u.dead and "dead" or "at " .. u.passed, ("%a"):format(u.score), u.frozen }
  local choices = u.forgotten and { address = {} } or unit.choices(u)
  for n, address in ipairs(choices.address) do
    local value = choices.value[n]
    parts[#parts + 1] = address .. "=" .. (choices.dist[n] == INSIDE and u.inner[n].tape:answers(u.inner[n].length) or text_of(value))
  end
  if u.forgotten then parts[#parts + 1] = text_of(u.value) end
  for _, replica in ipairs(u.replicas or {}) do parts[#parts + 1] = ("beside %a\0"):format(replica.power) .. unit.key(replica.unit) end
  u.key = table.concat(parts, "\0")
  return u.key
end

-- ---- the handler that runs a program ------------------------------------------------------------------------------

-- player: { known = choices that are given, old = their lists, count, passed, score, stop = factors after which to suspend,
--   world, lane, chunk = where new choices go, move = what an MH move needs }
local Player = { lenient = true }
Player.__index = Player

local function add_choice(self, address, value, dist)
  local chunk = self.chunk
  local n = chunk.n
  local place = 3 * n + 1
  chunk.n, chunk[place], chunk[place + 1], chunk[place + 2] = n + 1, address, value, dist
end

local function once(self, address)
  local seen = self.seen
  if not seen then
    seen = {}
    self.seen = seen
  elseif seen[address] then
    core.error(("the site '%s' was already made in this run: every name is used once (in a loop: {\"%s\", i})"):format(address, address))
  end
  seen[address] = true
end

--- What handler and layers ask of sites.
function Player:add(address)
  once(self, address)
  return address
end
function Player.plate() end

local function recorded(self, n, address, dist)
  local old = self.old
  if self.restores then
    if old.address[n] ~= address then
      core.error(("the model has changed: choice %d of its run was '%s' and is now '%s'"):format(n, old.address[n], address))
    end
    add_choice(self, address, old.value[n], dist)
    return old.value[n]
  end
  if old.address[n] ~= address or not (rawequal(old.dist[n], dist) or unit.same_dist(old.dist[n], dist)) then
    core.error(("the model is not deterministic given its choices: choice %d was '%s' from %s and is now '%s' from %s (order of "
      .. "pairs, a changed upvalue, math.random, time?)"):format(n, old.address[n], tostring(old.dist[n]), address, tostring(dist)))
  end
  return old.value[n]
end

local function draw(self, address, dist)
  local value = dist:draw(self.world:site(address, self.lane))
  if value == nil then
    core.error(("site '%s': %s cannot be drawn from%s"):format(address, dist.law.name,
      dist.law.name == "flat" and ": it is no probability distribution" or ": its law has no 'draw'"))
  end
  return value
end

function Player:sample(address, dist)
  local n = self.count + 1
  self.count = n
  if n <= self.known then return recorded(self, n, address, dist) end
  local value
  once(self, address)
  if self.move then value = self.move:choose(self, n, address, dist) else value = draw(self, address, dist) end
  add_choice(self, address, value, dist)
  return value
end

local SUSPENDED, DEAD, UNKNOWN = {}, {}, {}

local function pass(self, log_weight)
  if type(log_weight) ~= "number" then log_weight = core.sum(log_weight) end
  local passed = self.passed + 1
  self.passed = passed
  if passed > self.skip or MUTANT == 1 then
    self.score = self.score + log_weight
    if log_weight == -math.huge then coroutine.yield(DEAD) end
  end
  if passed == self.stop then coroutine.yield(SUSPENDED) end
end

function Player:observe(address, dist, value)
  if address then once(self, address) end
  if type(value) ~= "number" or value - value ~= 0 or #dist:shape() > 0 then
    value = sites.checked(address and ("observed '%s'"):format(address) or "observe", dist, value)
  end
  local lp = dist:logdensity(value)
  if lp ~= lp then
    core.error(("%s: the log-density of %s is NaN"):format(address and ("observed '%s'"):format(address) or "observe", tostring(dist)))
  end
  pass(self, lp)
  return value
end

function Player:factor(name, log_weight)
  if name then once(self, name) end
  local total = type(log_weight) == "number" and log_weight or core.sum(log_weight)
  if total ~= total then core.error(("factor%s: the log-weight is NaN"):format(name and (" '%s'"):format(name) or "")) end
  if total == math.huge then core.error(("factor%s: the log-weight is +infinity"):format(name and (" '%s'"):format(name) or "")) end
  pass(self, total)
end

function Player:deterministic(name) once(self, name) end

-- The state of a loop: the one given last before the copy was made, or the one given now.
function Player:checkpoint(state)
  local saved = self.resume_at
  if saved then -- this run goes on from there
    self.resume_at = nil
    self.count, self.passed, self.saved = saved.count, saved.passed, saved
    return unit.copy_state(saved.state)
  end
  local head = self.saved and self.saved.head
  if not head then -- the choices before the first one are made again in every copy
    head = gather(new_lists(self.count), self.chunk, 0)
  end
  self.saved = { state = unit.copy_state(state), count = self.count, passed = self.passed, head = head }
  return state
end

--- A copy of plain tables, arrays shared.
function unit.copy_state(state)
  if type(state) ~= "table" or getmetatable(state) ~= nil then return state end
  local other = {}
  for key, value in pairs(state) do other[key] = unit.copy_state(value) end
  return other
end

-- A program run inside this one by run(world): its randomness is no choice of this program, so a move draws it anew; a
-- copy hears it again.
function Player:inside(address, run)
  if not self.world then core.error(("rep.inside '%s': a tree of runs has no place for a program inside"):format(address)) end
  once(self, address)
  local n = self.count + 1
  self.count = n
  local tape
  if n <= self.known then
    recorded(self, n, address, INSIDE)
    tape = core.tape(self.heard[n].tape, self.heard[n].length)
  else
    tape = core.tape()
    add_choice(self, address, true, INSIDE)
  end
  self.tapes = self.tapes or {}
  self.tapes[n] = tape
  return run(self.world:inside(self, address, tape, function(log_weight) self:factor(nil, log_weight) end))
end

-- ---- running ------------------------------------------------------------------------------------------------------

local function new_player(given)
  local player = setmetatable(given, Player)
  player.count, player.passed, player.sites = 0, 0, player
  return player
end

-- The unit that a player has come to. It keeps the coroutine of one that is suspended.
local function arrived(live, what, value)
  local player = live.player
  local u = { program = live.program, chunk = player.chunk, count = player.count, passed = player.passed, score = player.score,
    frozen = player.frozen or 0, saved = player.saved, live = false, turn = 0, finished = false, value = nil }
  if player.tapes then
    u.inner = {}
    for n, tape in pairs(player.tapes) do u.inner[n] = { tape = tape, length = #tape } end
  end
  if what == SUSPENDED then
    u.live, u.turn = live, live.turn
  elseif what == DEAD then
    u.dead, u.score = true, -math.huge
  else
    u.finished, u.value = true, value
  end
  return u
end

-- Runs a coroutine on to where its player stops.
local function run(live)
  live.turn = live.turn + 1
  local ok, what, value = handler.resume(live)
  if not ok then error(what, 0) end
  return arrived(live, what, value)
end

local function begin(program, player)
  local live = { program = program, player = player, turn = 0 }
  live.thread = coroutine.create(function()
    local values = table.pack(program(player))
    local value = values[1]
    if values.n > 1 then value = values elseif value == nil then value = NOTHING end
    return nil, value
  end)
  return live
end

--- The program before its first step. program(h) runs it under the handler h and returns its value.
function unit.new(program) return { program = program, count = 0, passed = 0, score = 0, frozen = 0 } end

-- Runs the program again on the choices of `u`, up to where it stands.
local function again(u, world, lane)
  local saved = u.saved
  local old = unit.choices(u, saved and saved.count)
  if saved then
    for _, list in ipairs { "address", "value", "dist" } do table.move(saved.head[list], 1, saved.head.n, 1, old[list]) end
  end
  local player = new_player { known = u.count, old = old, heard = u.inner, skip = u.passed, score = u.score, stop = -1, world = world,
    lane = lane, resume_at = saved, saved = saved, frozen = u.frozen }
  return begin(u.program, player)
end

--- The unit behind factor `level`, or at its end. Finished units and dead ones stay as they are. Choices are drawn, or
-- given by `move` as in unit.propose.
function unit.advance(u, world, lane, level, move)
  if u.finished or u.dead then return u end
  local live = u.live
  if not live or live.turn ~= u.turn then live = again(u, world, lane) end -- another copy has gone on with it
  u.live = nil
  local player = live.player
  player.world, player.lane, player.stop, player.chunk = world, lane, level, empty_chunk(u.chunk, u.count)
  player.frozen, player.seen, player.move = u.frozen, nil, move
  return run(live)
end

--- The program run once more for a move away from `u`: `move:choose(player, n, address, dist)` gives the value of
-- each choice behind the frozen ones. It stops behind factor `level`, or at its end.
function unit.propose(u, world, lane, level, move)
  local player = new_player { known = u.frozen, old = move.old, heard = u.inner, skip = 0, score = 0, world = world, lane = lane,
    move = move, stop = MUTANT == 2 and math.huge or level, frozen = u.frozen, chunk = empty_chunk(nil, 0) }
  for n = 1, u.frozen do add_choice(player, move.old.address[n], move.old.value[n], move.old.dist[n]) end
  return run(begin(u.program, player))
end

--- The finished unit of recorded choices, whose laws the program says again. old: { n =, address =, value = }; inner: by the
-- number of the choice, as a unit has it.
function unit.restore(program, world, old, inner)
  local player = new_player { known = old.n, old = old, heard = inner, restores = true, skip = 0, score = 0, stop = math.huge,
    world = world, lane = 0, chunk = empty_chunk(nil, 0) }
  return run(begin(program, player))
end

--- Runs the program to what comes after some choices. choose(n, address, dist, score) gives the value of choice n, or nil:
-- the run stops there. Returns "choice", "dead", or "end" and the value; the score; the choices; and, where it stopped at a
-- choice, the run, which goes on from there when it is given as `live` and choose then gives a value.
function unit.explore(program, choose, live)
  if not live then
    local move = { choose = function(_, player, n, address, dist)
      local value = choose(n, address, dist, player.score)
      while value == nil do
        coroutine.yield(UNKNOWN)
        value = choose(n, address, dist, player.score)
      end
      return value
    end }
    live = begin(program, new_player { known = 0, skip = 0, score = 0, stop = math.huge, move = move, chunk = empty_chunk(nil, 0) })
  end
  local player = live.player
  local ok, what, value = handler.resume(live)
  if not ok then error(what, 0) end
  local kind = what == UNKNOWN and "choice" or what == DEAD and "dead" or "end"
  if kind == "choice" then return kind, nil, player.score, nil, live end
  return kind, value, player.score, gather(new_lists(player.chunk.n), player.chunk, 0)
end

unit.draw = draw
unit.INSIDE = INSIDE

--- Ends the run in which a choice is being made: it has no mass.
function unit.give_up() coroutine.yield(DEAD) end

--- The same unit, all of whose choices are constants from now on.
function unit.freeze(u)
  local other = {}
  for key, value in pairs(u) do other[key] = value end
  other.frozen, other.key = u.count, nil
  return other
end

--- The same unit, beside it those of other powers: { { unit =, power = }, ... } (borel/rep/temper.lua). Whatever moves the unit
-- alone leaves them behind.
function unit.with_replicas(u, replicas)
  local other = {}
  for key, value in pairs(u) do other[key] = value end
  other.replicas, other.key = replicas, nil
  return other
end

--- A finished unit without its choices.
function unit.forget(u)
  if not u.finished then return u end
  return { finished = true, forgotten = true, value = u.value, count = 0, passed = u.passed, score = u.score, frozen = 0 }
end

return unit
