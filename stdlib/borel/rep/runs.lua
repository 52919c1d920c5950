-- SPDX-License-Identifier: MIT
--- Chains and populations of methods, each in a process of its own, on their way into a run directory: a draw log for each,
-- chain-N.log, and beside it a checkpoint, chain-N.ckpt. A chain is where it stands (the choices of its run) and how far its
-- streams have come (the epoch), so that it goes on from a checkpoint bit for bit. A population has nothing but its end: one
-- that was cut short is made again.
local core = require "borel.core"
local record = require "borel.rep.record"
local rep = require "borel.rep"
local trees = require "borel.rep.tree"
local unit = require "borel.rep.unit"
local worlds = require "borel.rep.world"

local runs = {}

local TRIES = 1000 -- runs from the prior until one has a weight
local BLOCK = 100000 -- steps on a tree between two looks at the clock

local function nothing_found()
  core.error(("none of %d runs from the prior has a weight that is not 0: a factor or an observation excludes what the prior "
    .. "draws"):format(TRIES))
end

-- ---- what is written -------------------------------------------------------------------------------------------------------

-- The log of one chain and its checkpoint.
local Keeper = {}
Keeper.__index = Keeper

-- job: { directory =, checkpoint = { every =, seconds = }, name =, info = what the number beside each draw is }
local function keeper(job, chain)
  local base = ("%s/chain-%d"):format(job.directory, chain)
  return setmetatable({ job = job, chain = chain, log_path = base .. ".log", path = base .. ".ckpt", saved_at = core.clock() }, Keeper)
end

function Keeper:begin()
  local header = core.to_json { chain = self.chain, kernel = self.job.name, info = core.json_list { self.job.info } }
  if self.log then self.log:close() end
  os.remove(self.path) -- of another log
  os.remove(self.path .. ".prev")
  self.log, self.kinds = core.draw_log(self.log_path, header), {}
end

-- The entries of the checkpoint, with the log where it was; nil when there is none.
function Keeper:resume()
  if not self.job.resume then return nil end
  local entries, length = core.read_checkpoint(self.path)
  if not entries then return nil end
  self.log, self.kinds = core.draw_log(self.log_path, nil, length), {}
  for k, text in ipairs(self.log:kinds()) do self.kinds[text] = k end
  return entries
end

-- The number of the kind of draws with this layout.
function Keeper:kind(text)
  local kind = self.kinds[text]
  if not kind then
    kind = self.log:kind(text)
    self.kinds[text] = kind
  end
  return kind
end

function Keeper:due(iteration)
  local checkpoint, now = self.job.checkpoint, core.clock()
  if checkpoint.every == 0 or iteration % checkpoint.every ~= 0 or now - self.saved_at < checkpoint.seconds then return false end
  self.saved_at = now
  return true
end

function Keeper:save(entries) core.write_checkpoint(self.path, self.log:sync(), entries) end

-- ---- chains that run the program at each step --------------------------------------------------------------------------------

-- A population of one unit that has run to its end with a weight.
local function started(start, world)
  for _ = 1, TRIES do
    local population = rep.finish().apply(start, world)
    if not population.units[1].dead then
      population.log_weights[1] = 0
      return population
    end
  end
  nothing_found()
end

local function bits(x) return (("<i8"):unpack(("<d"):pack(x))) end

local function restored(entries, start, world)
  local old, inner = record.load(entries)
  local u = unit.restore(start.units[1].program, world, old, inner)
  if not u.finished or u.count ~= old.n or bits(u.score) ~= entries.score then
    core.error "the data or the model have changed since this run was started: a run of its choices has another weight; start a new one"
  end
  world.epoch = entries.epoch
  return { units = { u }, log_weights = { 0 }, level = math.huge }
end

local function encoded(keep, u)
  local choices = unit.choices(u)
  local text, numbers = record.encode(choices, function(n) return choices.dist[n] == unit.INSIDE end, u.value)
  return keep:kind(text), numbers
end

local function trace_chain(job, keep, entries, report)
  local world = worlds.drawing(core.stream_child(job.key, "chain", keep.chain))
  if not entries then keep:begin() end
  local population = entries and restored(entries, job.start, world) or started(job.start, world)
  local iteration, failures = entries and entries.iteration or 0, entries and entries.failures or 0
  local function save()
    local u = population.units[1]
    local state = record.save(u, unit.choices(u), unit.INSIDE)
    state.iteration, state.failures, state.epoch, state.score = iteration, failures, world.epoch, bits(u.score)
    keep:save(state)
  end
  local total, kind, numbers, last = job.warmup + job.draws, nil, nil, nil -- of the draw before
  while iteration < total do
    if iteration == job.warmup then world:forget_notes() end
    world.counts = {}
    for _ = 1, job.steps do population = job.step.apply(population, world) end
    if iteration >= job.warmup then
      local u = population.units[1]
      if u ~= last then kind, numbers = encoded(keep, u) end
      last, failures = u, failures + (world.counts["not a number"] or 0)
      keep.log:append(kind, numbers, iteration, (world.counts.accepted or 0) / job.steps)
    end
    iteration = iteration + 1
    local stops = report(iteration)
    if stops or iteration == total or keep:due(iteration) then save() end
    if stops and iteration < total then return false end
  end
  world:check_notes() -- of this process; a run that was resumed has its failures in all
  if failures > 0.01 * job.draws * job.steps then
    core.error(("%s: more than 1 %% of the acceptance ratios are not a number"):format(job.name))
  end
  return true
end

-- ---- chains on the tree of runs ------------------------------------------------------------------------------------------------

local function begin_on_tree(walk, job, chain)
  local source = core.philox(core.stream_child(job.key, "start"), 0)
  for try = 1, TRIES do
    local score = walk:draw(source:seat(core.stream_child(job.key, "start"), chain - 1, try))
    if not score then return false end
    if score > -math.huge then return true end
  end
  nothing_found()
end

-- Values of the ends that are new, so that the log can write them by their numbers.
local function prepare_ends(keep, ends, known)
  for number = known + 1, #ends do
    local end_of = ends[number]
    local choices = { address = end_of.address, value = end_of.values }
    local text, numbers = record.encode(choices, function() return false end, end_of.value)
    keep.log:prepare(keep:kind(text), numbers)
  end
  return #ends
end

-- How many iterations come before the next look at the clock: it falls where a checkpoint may be.
local function block_size(job, iteration)
  local most, every = math.max(1, BLOCK // job.steps), job.checkpoint.every
  if every == 0 then return most end
  local periods = job.checkpoint.seconds == 0 and 1 or math.max(1, most // every)
  return every * periods - iteration % every
end

-- nil when a choice turns out not to be a single value of a finite law.
local function tree_chain(job, keep, entries, report)
  local tree = trees.new(job.program)
  local walk, moves, known, iteration = tree.runs:run(), core.stream_child(job.key, "moves"), 0, 0
  if entries then
    if entries.path then walk:take(entries.path) else begin_on_tree(walk, job, keep.chain) end -- without choices there is one run
    local _, _, score = walk:choices()
    if bits(score) ~= entries.score then
      core.error "the data or the model have changed since this run was started: a run of its choices has another weight; start a new one"
    end
    iteration = entries.iteration
  else
    keep:begin()
    if not begin_on_tree(walk, job, keep.chain) then return nil end
  end
  local function save()
    local path, _, score = walk:choices()
    keep:save { iteration = iteration, score = bits(score), on_tree = 1, path = #path > 0 and core.array(path, "i64") or nil }
  end
  local total = job.warmup + job.draws
  while iteration < total do
    local count = math.min(block_size(job, iteration), total - iteration)
    local ends, accepted = core.range(1, count * job.steps), core.range(1, count * job.steps)
    if walk:chain(moves, keep.chain - 1, iteration * job.steps, ends, accepted) < ends.size then return nil end
    known = prepare_ends(keep, tree.ends, known)
    keep.log:append_ends(ends, accepted, job.steps, iteration, job.warmup)
    iteration = iteration + count
    local stops = report(iteration)
    if stops or iteration == total or keep:due(iteration) then save() end
    if stops and iteration < total then return false end
  end
  return true
end

--- What one process does for chain `chain` of a job: { what = model, data =, key = of the streams, steps =, step = block or nil:
-- on the tree of runs where the program allows it, warmup =, draws =, directory =, resume =, checkpoint =, name = }.
function runs.chain(job, chain, report)
  job.info, job.start = "accepted", rep.start(job.what, job.data)
  job.program = job.start.units[1].program
  local keep = keeper(job, chain)
  local entries = keep:resume()
  local done
  if job.on_tree and not (entries and not entries.on_tree) then
    done = tree_chain(job, keep, entries, report)
    if done == nil then entries = nil end
  end
  if done == nil then done = trace_chain(job, keep, entries, report) end
  keep.log:close()
  return done
end

-- ---- populations ---------------------------------------------------------------------------------------------------------------

--- What one process does for run `chain` of a population: job as above, with block = the composition.
function runs.population(job, chain, report)
  job.info = "log_weight"
  local keep = keeper(job, chain)
  if keep:resume() then return true end
  keep:begin()
  local world = worlds.drawing(core.stream_child(job.key, "population", chain))
  local population = job.block.apply(rep.start(job.what, job.data), world)
  world:check_notes()
  for i, u in ipairs(population.units) do
    local log_weight = population.log_weights[i]
    if log_weight > -math.huge then
      local kind, numbers = encoded(keep, u)
      keep.log:append(kind, numbers, i - 1, log_weight + world.log_weight)
    else
      keep.log:append(keep:kind '{"sites":[],"value":{"table":[]}}', {}, i - 1, -math.huge)
    end
  end
  keep:save { iteration = #population.units }
  keep.log:close()
  report(#population.units)
  return true
end

return runs
