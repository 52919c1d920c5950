-- SPDX-License-Identifier: MIT
--- The module `borel`: what a model script uses.
--   local borel = require "borel"
-- Language: model, sample, observe, factor, deterministic, dist, support, and the mathematics of values
-- (exp, log, where, sum, log_sum_exp, ...). Inference: infer, nuts, hmc, mala, microcanonical,
-- slice, elliptical_slice, random_walk, gibbs, cycle, mixture, on, thin, kernel, density, resampler, involution,
-- component, validate, check.
-- Data: read, encode, array, missing.
local core = require "borel.core"
local options = require "borel.options"

require "borel.moments" -- adds to core
local borel = {}
for name, value in pairs(core) do borel[name] = value end
-- What the standard library alone needs stays in core.
for _, name in ipairs { "model", "run", "interrupted", "rundir_create", "rundir_open", "read_log", "read_json", "read_csv",
  "read_npy", "read_npz", "run_workers", "draw_log", "read_draws", "write_checkpoint",
  "read_checkpoint", "trace_begin", "trace_end", "enumerate", "philox", "stream_key", "stream_child", "tape", "summarise",
  "ebfmi", "position", "error", "components", "chdir", "current_folder", "create_file", "create_folder",
  "file_info", "hash", "place", "scripted",
  "terminal_width", "nearest", "compile_count", "MAX_RANK", "evaluate", "pointwise", "pareto_limit", "methods", "depends",
  "sum_out_each" } do
  borel[name] = nil
end

local handler = require "borel.handler"
borel.sample, borel.observe = handler.sample, handler.observe
borel.factor, borel.deterministic, borel.checkpoint = handler.factor, handler.deterministic, handler.checkpoint

borel.plate = handler.plate
borel.dist = require "borel.dist"
require "borel.batch"
require "borel.missing"
borel.support = require "borel.support"
borel.kernels = require "borel.kernels"
borel.interp = require "borel.interp"

borel.while_loop = require("borel.loop").while_loop
borel.implicit = require("borel.implicit").solve

local model = require "borel.model"
borel.model = model.new
borel.check = model.check
borel.enumerate = model.enumerate
borel.marginal = require "borel.marginal"
borel.simulate = require("borel.simulate").simulate
borel.condition, borel.intervene, borel.call = model.condition, model.intervene, model.call

local infer = require "borel.infer"
borel.infer, borel.open = infer.infer, infer.open
require "borel.predict"
borel.compare = require("borel.accuracy").compare
local compose = require "borel.compose"
borel.kernel, borel.density, borel.resampler = compose.kernel, infer.density, infer.resampler
borel.involution = infer.involution

--- No-U-turn sampler; parameters as `borel plugins info nuts` lists them.
function borel.nuts(parameters) return compose.kernel("nuts", parameters) end
--- Random-walk Metropolis; parameters as `borel plugins info random-walk` lists them.
function borel.random_walk(parameters) return compose.kernel("random-walk", parameters) end
--- Hamiltonian Monte Carlo with paths of given length; one leapfrog step; momenta of fixed length, adjusted or not.
function borel.hmc(parameters) return compose.kernel("hmc", parameters) end
function borel.mala(parameters) return compose.kernel("mala", parameters) end
function borel.microcanonical(parameters) return compose.kernel("microcanonical", parameters) end
--- Slice sampling, coordinate by coordinate or along ellipses around a normal reference; needs no gradient.
function borel.slice(parameters) return compose.kernel("slice", parameters) end
function borel.elliptical_slice(parameters) return compose.kernel("elliptical-slice", parameters) end
--- Draws discrete unknowns from their full conditional laws, by enumeration.
function borel.gibbs(parameters) return compose.kernel("gibbs", parameters) end
borel.cycle, borel.mixture, borel.on, borel.thin = compose.cycle, compose.mixture, compose.on, compose.thin

borel.rep = require "borel.rep"
borel.diffusion = require "borel.diffusion"
borel.plot = require "borel.plot"
borel.state_space = require("borel.rep.state_space").new
local methods = require "borel.rep.methods"
borel.trace_mh, borel.importance, borel.smc = methods.trace_mh, methods.importance, methods.smc
borel.particle_gibbs = methods.particle_gibbs
borel.pmmh, borel.smc2 = methods.pmmh, methods.smc2

local component = require "borel.component"
borel.component, borel.validate = component.new, compose.validate

local read = require "borel.read"
borel.read, borel.encode = read.read, read.encode

return setmetatable(borel, {
  __index = function(_, name)
    options.unknown("borel has no", name, borel)
  end,
})
