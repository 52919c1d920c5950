-- SPDX-License-Identifier: MIT
--- borel.rep: inference as composition. Representations of a program, blocks that keep their meaning, and the
-- algorithms that they make up. docs/composition.md explains.
local batched = require "borel.rep.batched"
local blocks = require "borel.rep.blocks"
local core = require "borel.core"
local density = require("borel.rep.given").density
local conjugate = require "borel.rep.conjugate"
local gibbs = require "borel.rep.gibbs"
local handler = require "borel.handler"
local involutive = require "borel.rep.involutive"
local model = require "borel.model"
local options = require "borel.options"
local particle_gibbs = require "borel.rep.particle_gibbs"
local temper = require "borel.rep.temper"
local tree = require "borel.rep.tree"
local unit = require "borel.rep.unit"
local world = require "borel.rep.world"

local rep = {}
for _, name in ipairs { "spawn", "push_evidence", "proper", "collapse", "advance", "finish", "mh_step", "freeze", "marginal",
  "unweighted", "pipeline", "times", "throughout", "mixture", "hoist", "hoist_first", "log_evidence" } do
  rep[name] = blocks[name]
end

local pipeline, times = blocks.pipeline, blocks.times

--- resample(scheme, { ess = 1 }): scheme is the name of a resampler ("multinomial", "systematic", ...), a borel.resampler, or a
-- function(source, weights, n) -> list of ancestors; see blocks.resample.
function rep.resample(scheme, given)
  local named = type(scheme) == "string" or type(scheme) == "table" and scheme.is_resampler
  if named then
    local resampler = type(scheme) == "string" and core.resampler(scheme, {}) or scheme.object
    scheme = function(source, weights, n)
      local ancestors = resampler:resample(source, weights, n)
      return core.is_array(weights) and ancestors or ancestors:totable()
    end
  end
  return blocks.resample { resampler = scheme, arrays = named, ess = given and given.ess }
end

--- Tempering: see borel/rep/temper.lua.
rep.replicas, rep.tempered, rep.tempered_transition = temper.replicas, temper.tempered, temper.transition

--- gibbs{ site = }: see gibbs.step. conjugate{ site = }: see conjugate.step. conditional{ site =, draw =, logdensity =, exact = }:
-- see gibbs.stated. All preserve the measure.
function rep.gibbs(given) return blocks.kernel("gibbs", gibbs.step(given)) end
function rep.conjugate(given) return blocks.kernel("conjugate", conjugate.step(given)) end
--- particle_gibbs(n): a new run among n particles, one of them held on the present run. Preserves the measure.
function rep.particle_gibbs(n)
  return blocks.kernel(("particle_gibbs(%d)"):format(blocks.whole("particle_gibbs: the number of particles", n, 2)),
    particle_gibbs.step(n))
end
function rep.conditional(given) return blocks.kernel("conditional", gibbs.stated(given)) end

--- involutive{ auxiliary =, involution =, names =, log_jacobian =, check = true }: a move of each unit by a map that is its own
-- inverse, also between runs with other sites (Green 1995; Cusumano-Towner, Lew and Mansinghka 2020).
--   auxiliary(trace): a program that draws v by sample("name", dist); trace[address] are the values of the choices
--   involution(trace, v) -> changes, v': new values by address, of sites that change or begin, and the auxiliary
--     values with which `auxiliary` of the new trace leads back; sites that the new run does not make end; nil: stay
--   log_jacobian(trace, v) -> log |det| over all continuous values, trace and auxiliary. Absent: found by forward
--     derivatives, for which the involution does mathematics with borel.exp etc. and does not branch on continuous values
--   involution may be a borel.involution, the map of a plugin, instead; names(trace, v): addresses by the names that it declares,
--     where they differ, nil: stay
--   check: apply the involution twice each time and compare (true); also a stated log_jacobian with derivatives ("full");
--     false
-- Preserves the measure.
function rep.involutive(what) return blocks.kernel("involutive", involutive.step(what)) end

-- ---- representations --------------------------------------------------------------------------------------------------

-- The model with its arguments, as a function of the handler.
local function program_of(what, m, ...)
  model.need(what, m)
  local args = table.pack(...)
  return function(h) return m:run(h, table.unpack(args, 1, args.n)) end, args
end

--- rep.tree(model, ...): the tree of its runs, for models whose choices are single values of finite laws.
function rep.tree(m, ...) return tree.new((program_of("rep.tree", m, ...))) end

-- The population of one unit that has not begun.
local function start(what, m, ...)
  if type(m) == "table" and m.is_form then
    local args = table.pack(...)
    return { units = m:units(args), log_weights = core.zeros(1), level = 0, model = m, arguments = args }
  end
  local program, args = program_of(what, m, ...)
  return { units = { unit.new(program) }, log_weights = { 0 }, level = 0, model = m, arguments = args }
end

rep.start = function(m, ...) return start("rep.start", m, ...) end

--- rep.batched(model): the model in another form, for rep.run, rep.inside and rep.enumerate: it runs once for all particles
-- (borel/rep/batched.lua), which gives the same population, faster. borel.state_space{...} is a third form.
rep.batched = batched.new

--- rep.run(block, model, seed, ...): what `block` makes of model(...): a population { units, log_weights }, whose values
-- are units[i].value, and the log-weight of the layer below. model: a borel.model, rep.batched(model) or a borel.state_space; the
-- latter two have arrays, log_weights [N] and units:values().
function rep.run(block, m, seed, ...)
  blocks.need("rep.run", block)
  local w = world.drawing(core.stream_key(seed, "rep"))
  local population = block.apply(start("rep.run", m, ...), w)
  w:check_notes()
  return population, w.log_weight
end

local STARTS = 1000

-- A run of the program to its end whose weight is above zero.
local function begin_chain(first, m, w, ...)
  for _ = 1, STARTS do
    local population = first.apply(start("rep.chain", m, ...), w)
    if rep.log_evidence(population) > -math.huge then
      return { units = population.units, log_weights = { 0 }, level = population.level }
    end
  end
  core.error(("rep.chain: %d runs of the model had no mass: some factor was zero each time"):format(STARTS))
end

local chain_options = { draws = { type = "number", integer = true, min = 0, default = 1000 }, seed = { type = "number", default = 1 },
  thin = { type = "number", integer = true, min = 1, default = 1 }, each = { type = "function" }, start = { type = "table" } }

--- rep.chain(kernel, model, { draws = 1000, thin = 1, seed = 1, start = rep.finish(), each = }, ...): a chain of `draws`
-- times `thin` steps of a block that moves units (mh_step, involutive, pipelines of them), from what `start` makes of
-- model(...), run until it has mass. Returns what the model returned at every draw, a list, or what each(value, unit)
-- makes of it; and how often moves were "accepted", "refused", ...
function rep.chain(kernel, m, given, ...)
  blocks.need("rep.chain", kernel)
  if not kernel.kernel then
    core.error(("rep.chain: %s is no kernel: it changes weights, or how far units have run"):format(kernel.name))
  end
  given = options.check("rep.chain", given, chain_options)
  local w, values = world.drawing(core.stream_key(given.seed, "rep")), {}
  local first = blocks.need("rep.chain: start", given.start or rep.finish())
  local population = begin_chain(first, m, w, ...)
  w.counts = {}
  for i = 1, given.draws do
    for _ = 1, given.thin do population = kernel.apply(population, w) end
    local u = population.units[1]
    values[i] = given.each and given.each(u.value, u) or u.value
  end
  w:check_notes()
  return values, w.counts
end

--- rep.inside(name, block, model, ...): the same inside a model: the weight of the layer below multiplies the model's.
-- The inner randomness is no choice of the model: moves of its trace draw it anew.
function rep.inside(name, block, m, ...)
  local h = handler.need "rep.inside"
  blocks.need("rep.inside", block)
  local address = handler.address("rep.inside", name)
  local population = start("rep.inside", m, ...)
  return h:inside(address, function(w)
    local made = block.apply(population, w)
    w:check_notes()
    return made
  end)
end

-- ---- algorithms -------------------------------------------------------------------------------------------------------

--- sequentially(b, k): b behind each of the first k factors, then to the end.
function rep.sequentially(b, k)
  return pipeline { rep.advance(), times(k, pipeline { rep.hoist_first(b), rep.advance() }), rep.finish() }
end

--- importance(n): n runs, weighted.
function rep.importance(n) return pipeline { rep.spawn(n), rep.finish() } end

--- smc(n, k, resample): n particles that are resampled behind each of the first k factors.
function rep.smc(n, k, resample) return pipeline { rep.hoist_first(rep.spawn(n)), rep.sequentially(resample, k) } end

--- smc_push(n, k, resample): the same, the evidence so far a factor of the layer below whenever it was resampled.
function rep.smc_push(n, k, resample)
  return rep.smc(n, k, pipeline { resample, rep.push_evidence() })
end

--- resample_move(n, k, resample, moves): smc whose particles move after each resampling, `moves` a block such as
-- times(2, mh_step()). variant "basic": all choices may move; "dynamic": only those since the last resampling.
function rep.resample_move(n, k, resample, moves, variant)
  local t = pipeline { rep.hoist(resample), moves, variant == "dynamic" and rep.freeze() or pipeline {} }
  return pipeline { rep.hoist_first(rep.hoist(rep.spawn(n))), rep.sequentially(t, k), rep.marginal() }
end

--- trace_mh(k, step): k steps of a chain from a run of the program; step defaults to mh_step().
function rep.trace_mh(k, step) return pipeline { rep.finish(), times(k, step or rep.mh_step()) } end

--- nested(parameters, m, inner): the model that draws parameters(...) and runs m(theta, ...) inside by `inner`, which ends
-- with collapse(), so that its evidence weighs the model. Returns theta and the value of one inner unit.
function rep.nested(parameters, m, inner)
  return model.new(function(...)
    local theta = parameters.fn(...)
    local population = rep.inside("inner", inner, m, theta, ...)
    return theta, population.units[1].value
  end)
end

--- pmmh(k, step): trace_mh on nested(parameters, m, smc(...)): particle marginal Metropolis-Hastings (Andrieu, Doucet and
-- Holenstein 2010).
rep.pmmh = rep.trace_mh

--- smc2(n, k, resample, moves): resample_move on nested(parameters, m, smc_push(...)) (Chopin, Jacob and Papaspiliopoulos
-- 2013).
rep.smc2 = rep.resample_move

-- ---- exact meanings -----------------------------------------------------------------------------------------------------

--- density(model, values, ...): log-density of the run with these values; see given.density.
rep.density = density(start)

local exact = require "borel.rep.exact"
rep.enumerate, rep.law, rep.matrix, rep.merged = exact.enumerate(start), exact.law(start), exact.matrix(start), exact.merged

return rep
