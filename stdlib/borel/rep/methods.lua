-- SPDX-License-Identifier: MIT
--- Methods that borel.infer takes in place of a kernel: compositions of rep run on the model as it is written, so that its
-- sites and factors may depend on what is drawn.
--   borel.trace_mh{ steps = 10, sites =, proposals = }              a chain of Metropolis-Hastings moves of its trace
--   borel.particle_gibbs{ particles = 50, steps = 1 }               a chain of runs, each drawn among particles
--   borel.importance{ particles = 1000 }, borel.smc{ particles = 1000, resampler = "systematic", ess = 0.5, moves = 0 }
--   borel.pmmh{ parameters = model, particles = 100, ... }, borel.smc2{ parameters = model, particles =, inner = 100, ... }
local core = require "borel.core"
local model = require "borel.model"
local options = require "borel.options"
local posterior = require "borel.rep.posterior"
local rep = require "borel.rep"
local trees = require "borel.rep.tree"
local unit = require "borel.rep.unit"
local worlds = require "borel.rep.world"

local methods = {}

local MOST_PARTICLES = 10000000
local TRIES = 1000 -- runs from the prior until one has a weight

local smc_options = {
  particles = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 1000 },
  resampler = { default = "systematic" },
  ess = { type = "number", min = 0, max = 1, default = 0.5 }, -- resamples below this share of the particles
  moves = { type = "number", integer = true, min = 0, default = 0 }, -- Metropolis-Hastings steps after each resampling
  variant = { type = "string", choices = { "basic", "dynamic" }, default = "basic" }, -- which choices they move
  proposals = { type = "table" },
}

local function with(known, more)
  local all = {}
  for name, rule in pairs(known) do all[name] = rule end
  for name, rule in pairs(more) do all[name] = rule end
  return all
end

local chain_options = {
  steps = { type = "number", integer = true, min = 1, default = 10 }, -- moves for each draw
  sites = { type = "table" }, -- drawn anew together; absent: one choice, each as likely
  proposals = { type = "table" }, -- by address
}

-- ---- chains -----------------------------------------------------------------------------------------------------------

local function interrupted()
  if core.interrupted() then error(require("borel.fit").interrupted, 0) end
end

local function nothing_found()
  core.error(("none of %d runs from the prior has a weight that is not 0: a factor or an observation excludes what the prior "
    .. "draws"):format(TRIES))
end

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

local function sites_of(u)
  local choices, sites = unit.choices(u), {}
  for n, address in ipairs(choices.address) do
    if choices.dist[n] ~= unit.INSIDE then sites[address] = choices.value[n] end
  end
  return sites
end

-- Chains that run the program at each step.
local function run_chain(start, given, opts, key, c, kernel)
  local world = worlds.drawing(core.stream_child(key, "chain", c))
  world.counts = {}
  local population = started(start, world)
  local step = kernel or rep.mh_step { sites = given.sites, proposals = given.proposals }
  local run = { values = {}, sites = {} }
  local last -- the unit of the draw before
  for draw = 1 - opts.warmup, opts.draws do
    for _ = 1, given.steps do population = step.apply(population, world) end
    interrupted()
    if draw >= 1 then
      local u = population.units[1]
      run.values[draw], run.sites[draw] = u.value, u == last and run.sites[draw - 1] or sites_of(u)
      last = u
    end
    if draw == 0 then world.counts = {} end
  end
  if world.counts["not a number"] and world.counts["not a number"] > 0.01 * opts.draws * given.steps then
    core.error "trace_mh: more than 1 % of the acceptance ratios are not a number"
  end
  run.accepted = (world.counts.accepted or 0) / (opts.draws * given.steps)
  return run
end

-- The same on the tree of runs; nil when a choice turns out not to be a single value of a finite law.
local function run_on_tree(tree, steps, opts, key, c)
  local walk, source = tree.runs:run(), core.philox(core.stream_child(key, "start"), 0)
  for try = 1, TRIES do
    local score = walk:draw(source:seat(core.stream_child(key, "start"), c - 1, try))
    if not score then return nil end
    if score > -math.huge then break end
    if try == TRIES then nothing_found() end
  end
  local blocks, accepted, moves, first = {}, 0, core.stream_child(key, "moves"), 0
  local total = (opts.warmup + opts.draws) * steps
  local block = steps * math.max(1, 100000 // steps)
  while first < total do
    local ends = core.range(1, math.min(block, total - first))
    local made, yes = walk:chain(moves, c - 1, first, ends)
    if made < ends.size then return nil end
    interrupted()
    blocks[#blocks + 1] = ends
    first, accepted = first + made, accepted + yes
  end
  return { ends = { blocks = blocks, steps = steps, warmup = opts.warmup, draws = opts.draws, records = tree.ends },
    accepted = accepted / total }
end

local function mean_acceptance(runs)
  local sum = 0
  for _, run in ipairs(runs) do sum = sum + run.accepted end
  return sum / #runs
end

local function chains(what, given, opts, program, name)
  local key, runs, tree = core.stream_key(opts.seed, "rep"), {}, nil
  if not given.sites and not given.proposals then tree = trees.new(program) end
  for c = 1, opts.chains do
    local run = tree and run_on_tree(tree, given.steps, opts, key, c)
    if not run then
      if tree and c > 1 then runs = {} end
      tree = nil
      for k = #runs + 1, c do runs[k] = run_chain(rep.start(what, opts.data), given, opts, key, k) end
    else
      runs[c] = run
    end
  end
  return posterior.new(runs, { method = name, markov = true, acceptance = mean_acceptance(runs) })
end

-- ---- populations --------------------------------------------------------------------------------------------------------

-- Independent runs of a composition: their draws with weights, the evidence and its error.
local function populations(what, opts, block, name)
  local runs, totals, most = {}, {}, -math.huge
  for c = 1, opts.chains do
    local world = worlds.drawing(core.stream_child(core.stream_key(opts.seed, "rep"), "population", c))
    local population = block.apply(rep.start(what, opts.data), world)
    interrupted()
    local run = { values = {}, sites = {}, log_weights = {} }
    for i, u in ipairs(population.units) do
      if population.log_weights[i] > -math.huge then
        local n = #run.values + 1
        run.values[n], run.sites[n], run.log_weights[n] = u.value, sites_of(u), population.log_weights[i] + world.log_weight
      end
    end
    totals[c] = rep.log_evidence(population) + world.log_weight
    most = math.max(most, totals[c])
    runs[c] = run
  end
  if most == -math.huge then
    core.error(("%s: no particle of any run has a weight: a factor or an observation excludes what the prior draws"):format(name))
  end
  local sum, squares, n = 0, 0, #totals
  for _, total in ipairs(totals) do sum = sum + math.exp(total - most) / n end
  for _, total in ipairs(totals) do squares = squares + (math.exp(total - most) - sum) ^ 2 end
  return posterior.new(runs, { method = name, log_evidence = most + math.log(sum),
    log_evidence_mcse = n > 1 and math.sqrt(squares / (n - 1) / n) / sum or 0 / 0 })
end

local function smc_block(given, particles)
  local resample = rep.resample(given.resampler, { ess = given.ess })
  local moves = given.moves > 0 and rep.times(given.moves, rep.mh_step { proposals = given.proposals }) or nil
  local t = { resample, moves }
  if moves and given.variant == "dynamic" then t[3] = rep.freeze() end
  return rep.pipeline { rep.spawn(particles or given.particles), rep.throughout(rep.pipeline(t)) }
end

-- ---- the methods --------------------------------------------------------------------------------------------------------

local function method(name, known, run)
  return function(given)
    local checked = options.check("borel." .. name, given, known)
    return { is_method = true, name = name, given = checked, run = function(what, opts) return run(checked, what, opts) end }
  end
end

local function program_of(what, data)
  return function(h) return what:run(h, data) end
end

methods.trace_mh = method("trace_mh", chain_options, function(given, what, opts)
  return chains(what, given, opts, program_of(what, opts.data), "trace_mh")
end)

methods.particle_gibbs = method("particle_gibbs", {
  particles = { type = "number", integer = true, min = 2, max = MOST_PARTICLES, default = 50 }, -- one of them is held
  steps = { type = "number", integer = true, min = 1, default = 1 },
}, function(given, what, opts)
  local runs, key = {}, core.stream_key(opts.seed, "rep")
  for c = 1, opts.chains do
    runs[c] = run_chain(rep.start(what, opts.data), given, opts, key, c, rep.particle_gibbs(given.particles))
  end
  return posterior.new(runs, { method = "particle_gibbs", markov = true, acceptance = mean_acceptance(runs) })
end)

methods.importance = method("importance", { particles = smc_options.particles }, function(given, what, opts)
  return populations(what, opts, rep.importance(given.particles), "importance")
end)

methods.smc = method("smc", smc_options, function(given, what, opts) return populations(what, opts, smc_block(given), "smc") end)

local function need_parameters(name, given)
  if given.parameters == nil then
    core.error(("borel.%s: option 'parameters' is the model of theta; the model itself gets (theta, data)"):format(name))
  end
  model.need(("borel.%s: option 'parameters'"):format(name), given.parameters)
end

local pmmh_options = with(with(smc_options, chain_options), { parameters = {} })
pmmh_options.particles = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 }
pmmh_options.steps = { type = "number", integer = true, min = 1, default = 1 }

methods.pmmh = method("pmmh", pmmh_options, function(given, what, opts)
  need_parameters("pmmh", given)
  local filter = smc_block { resampler = given.resampler, ess = given.ess, moves = 0, particles = given.particles }
  local inner = rep.pipeline { filter, rep.collapse() }
  local nested = rep.nested(given.parameters, what, inner)
  local runs, key = {}, core.stream_key(opts.seed, "rep")
  for c = 1, opts.chains do runs[c] = run_chain(rep.start(nested, opts.data), given, opts, key, c) end
  return posterior.new(runs, { method = "pmmh", markov = true, acceptance = mean_acceptance(runs) })
end)

local smc2_options = with(smc_options, { parameters = {},
  inner = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 } })
smc2_options.particles = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 }
smc2_options.moves = { type = "number", integer = true, min = 0, default = 1 }

methods.smc2 = method("smc2", smc2_options, function(given, what, opts)
  need_parameters("smc2", given)
  local resample = rep.resample(given.resampler, { ess = given.ess })
  local pushing = rep.pipeline { rep.spawn(given.inner), rep.throughout(rep.pipeline { resample, rep.push_evidence() }), rep.collapse() }
  return populations(rep.nested(given.parameters, what, pushing), opts, smc_block(given), "smc2")
end)

local MANY_FACTORS = 5

--- The method for a model whose structure depends on what is drawn, and why: smc where runs pass many factors, else trace_mh.
function methods.choose(what, opts)
  model.need("borel.infer", what)
  local world = worlds.drawing(core.stream_child(core.stream_key(opts.seed, "rep"), "choose"))
  local most = 0
  for _ = 1, 10 do
    local u = rep.finish().apply(rep.start(what, opts.data), world).units[1]
    most = math.max(most, u.passed)
  end
  if most >= MANY_FACTORS then
    return methods.smc { moves = 1 }, ("the model is dynamic and weighs its runs at %d places or more"):format(most)
  end
  return methods.trace_mh {}, "the model is dynamic, with few factors"
end

return methods
