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
local rep = require "borel.rep"
local worlds = require "borel.rep.world"

local methods = {}

local MOST_PARTICLES = 10000000

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
  sites = { type = "table" }, -- addresses: they are drawn anew together; absent: one choice, each as likely
  proposals = { type = "table" }, -- by address
}

-- ---- the methods --------------------------------------------------------------------------------------------------------

local function smc_block(given, particles)
  local resample = rep.resample(given.resampler, { ess = given.ess })
  local moves = given.moves > 0 and rep.times(given.moves, rep.mh_step { proposals = given.proposals }) or nil
  local t = { resample, moves }
  if moves and given.variant == "dynamic" then t[3] = rep.freeze() end
  return rep.pipeline { rep.spawn(particles or given.particles), rep.throughout(rep.pipeline(t)) }
end

-- job_of(given, what) -> what borel/rep/runs.lua needs: of a chain { what =, steps =, step =, on_tree = }, of a population { what =,
-- block =, particles = }.
local function method(name, known, job_of)
  return function(given)
    local checked = options.check("borel." .. name, given, known)
    return { is_method = true, name = name, given = checked, job = function(what)
      local job = job_of(checked, what)
      job.name = name
      return job
    end }
  end
end

methods.trace_mh = method("trace_mh", chain_options, function(given, what)
  return { what = what, steps = given.steps, step = rep.mh_step { sites = given.sites, proposals = given.proposals },
    on_tree = not given.sites and not given.proposals }
end)

methods.particle_gibbs = method("particle_gibbs", {
  particles = { type = "number", integer = true, min = 2, max = MOST_PARTICLES, default = 50 }, -- one of them is held
  steps = { type = "number", integer = true, min = 1, default = 1 },
}, function(given, what) return { what = what, steps = given.steps, step = rep.particle_gibbs(given.particles) } end)

methods.importance = method("importance", { particles = smc_options.particles }, function(given, what)
  return { what = what, block = rep.importance(given.particles), particles = given.particles }
end)

methods.smc = method("smc", smc_options, function(given, what)
  return { what = what, block = smc_block(given), particles = given.particles }
end)

local function need_parameters(name, given)
  if given.parameters == nil then
    core.error(("borel.%s: option 'parameters' is the model of theta; the model itself gets (theta, data)"):format(name))
  end
  model.need(("borel.%s: option 'parameters'"):format(name), given.parameters)
end

local pmmh_options = with(with(smc_options, chain_options), { parameters = {} })
pmmh_options.particles = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 }
pmmh_options.steps = { type = "number", integer = true, min = 1, default = 1 }

methods.pmmh = method("pmmh", pmmh_options, function(given, what)
  need_parameters("pmmh", given)
  local filter = smc_block { resampler = given.resampler, ess = given.ess, moves = 0, particles = given.particles }
  return { what = rep.nested(given.parameters, what, rep.pipeline { filter, rep.collapse() }), steps = given.steps,
    step = rep.mh_step { sites = given.sites, proposals = given.proposals } }
end)

local smc2_options = with(smc_options, { parameters = {},
  inner = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 } })
smc2_options.particles = { type = "number", integer = true, min = 1, max = MOST_PARTICLES, default = 100 }
smc2_options.moves = { type = "number", integer = true, min = 0, default = 1 }

methods.smc2 = method("smc2", smc2_options, function(given, what)
  need_parameters("smc2", given)
  local resample = rep.resample(given.resampler, { ess = given.ess })
  local pushing = rep.pipeline { rep.spawn(given.inner), rep.throughout(rep.pipeline { resample, rep.push_evidence() }), rep.collapse() }
  return { what = rep.nested(given.parameters, what, pushing), block = smc_block(given), particles = given.particles }
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
