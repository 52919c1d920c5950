-- SPDX-License-Identifier: MIT
--- Where blocks take their randomness from, and the layer below them: a number that is drawn for a site, a decision of
-- a block, and the weight of the whole. Drawing worlds have a cell of the streams for each (address, lane, epoch), so
-- that neither the order of particles nor the way in which a program is run matters; enumerating ones go through
-- every outcome.
local core = require "borel.core"

local World = {}
World.__index = World

local world = {}

--- A world that draws, from the streams below `key` (core.stream_key(seed, role, ...)).
function world.drawing(key)
  return setmetatable({ key = key, source = core.philox(key, 0), keys = {}, epoch = 0, log_weight = 0,
    notes = {} }, World)
end

--- A world that takes every choice from `source`, whatever it is for: an enumerating source, a tape.
function world.of(source) return setmetatable({ source = source, epoch = 0, log_weight = 0, notes = {} }, World) end

function World:key_of(kind, name)
  local keys = self.keys[kind]
  if not keys then
    keys = {}
    self.keys[kind] = keys
  end
  local key = keys[name]
  if not key then
    key = core.stream_child(self.key, kind, name)
    keys[name] = key
  end
  return key
end

-- The source of a world that does not draw: that of the world around it now, for one inside a model.
function World:chooser() return self.player and self.player.world:chooser() or self.source end

-- The source that answers for `name`, through the tape when there is one.
local function seat(self, kind, name, lane)
  local source = self.key and self.source or self:chooser()
  if self.key then source = source:seat(self:key_of(kind, name), lane, self.epoch) end
  return self.tape and self.tape:over(source) or source
end

--- The source for the value of a site; good until the next one is asked for.
function World:site(address, lane) return seat(self, "site", address, lane) end

--- Has every choice its cell of the streams, so that it does not matter which is made first, or twice?
function World:separate() return self.key ~= nil and self.tape == nil end

--- The source for the values of a site of all particles at once, those of the lineage that is entered; nil where choices are
-- made one by one.
function World:lanes(address)
  if self:separate() then return core.lanes(self:key_of("site", address), self.epoch) end
end

--- The source for a decision of a block: which ancestors, whether to accept.
function World:decision(role, lane) return seat(self, "decision", role, lane or 0) end

--- Begins a new epoch: draws of a site made before and after it have nothing to do with each other.
function World:turn() self.epoch = self.epoch + 1 end

--- Notes what became of a move of `kernel`, any value, called `name`: "accepted", "refused", "nothing to move" or "not a
-- number", which is the acceptance ratio; `where` says what made it so.
function World:note(kernel, name, what, where)
  local count = self.counts
  if count then count[what] = (count[what] or 0) + 1 end
  if what == "nothing to move" then return end
  local notes = self.notes[kernel]
  if not notes then
    notes = { name = name, moves = 0, undefined = 0 }
    self.notes[kernel], self.notes[#self.notes + 1] = notes, notes
  end
  notes.moves = notes.moves + 1
  if what == "not a number" then
    notes.undefined, notes.where = notes.undefined + 1, notes.where or where
  end
end

--- Begins to count anew, as behind a warm-up.
function World:forget_notes()
  self.notes, self.counts = {}, self.counts and {}
end

local MOST_UNDEFINED = 0.01

--- An error when more than 1 % of the acceptance ratios of a kernel are not a number; such moves were refused.
function World:check_notes()
  for _, notes in ipairs(self.notes) do
    if notes.undefined > MOST_UNDEFINED * notes.moves then
      core.error(("%s: %d of %d acceptance ratios are not a number (at most 1 %% may be), the first by %s"):format(notes.name,
        notes.undefined, notes.moves, notes.where or "the weight of the run"))
    end
  end
end

--- Multiplies the weight of the layer below by exp(log_weight).
function World:weigh(log_weight)
  if self.below then return self.below(log_weight) end
  self.log_weight = self.log_weight + log_weight
end

--- The world inside a model that `player` runs, for the site at `address`: its choices go to `tape`, its weights to `below`.
function World:inside(player, address, tape, below)
  local inner
  if self.key then
    inner = world.drawing(core.stream_child(self.key, "inside", address, player.lane, self.epoch))
  else
    inner = world.of(nil)
    inner.player = player
  end
  inner.tape, inner.below = tape, below
  return inner
end

--- Is every choice enumerated?
function World:enumerates() return not self.key end

return world
