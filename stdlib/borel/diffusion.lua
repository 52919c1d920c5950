-- SPDX-License-Identifier: MIT
--- Diffusion models: a process takes data to noise, a score predicts the way back, a solver goes it along a grid.
--
--   local diffusion = borel.diffusion
--   local model = diffusion.reverse {
--     process = diffusion.process.vp {},
--     score = diffusion.score.gaussian_mixture { dimension = 2, means = { 1, .5, -.8, .3 }, sd = { .25, .35 } },
--     solver = diffusion.solver.ddim {}, grid = diffusion.grid.lambda { n = 20 } }
--   local out = borel.simulate(model, { draws = 1000, seed = 1 })     -- out.x [1000, 2], out.nfe
--
-- diffusion.process, .score and .solver make components by name, with _ for -, and by the path of a plugin's file:
-- diffusion.solver("./mine.so", { order = 2 }). docs/diffusion.md explains all of it.
local core = require "borel.core"
local check = require "borel.diffusion.check"
local denoising = require "borel.diffusion.denoising_mcmc"
local grid = require "borel.diffusion.grid"
local mixture = require "borel.diffusion.mixture"
local mrs = require "borel.diffusion.mrs"
local options = require "borel.options"
local scores = require "borel.diffusion.score"

local diffusion = { grid = grid, metric = require "borel.diffusion.metric", guide = scores.guide, threshold = scores.threshold,
  mixture = mixture.new, check = check, noisy = denoising.noisy, langevin_gibbs = denoising.langevin_gibbs,
  denoising_mcmc = denoising.denoising_mcmc }

-- A table of makers: kind.NAME(parameters), kind(name or path, parameters).
local function makers(make)
  return setmetatable({}, {
    __index = function(_, name) return function(parameters) return make((name:gsub("_", "-")), parameters) end end,
    __call = function(_, name, parameters) return make(name, parameters) end })
end

-- ---- processes -------------------------------------------------------------------------------------------------

local Process = {}
Process.__index = Process

diffusion.process = makers(function(name, parameters)
  local path = core.path(name, parameters or {})
  return setmetatable({ is_process = true, name = name, path = path, about = path:about() }, Process)
end)

--- The level at { t = } or { lambda = }: { t, lambda, alpha, sigma, ln_alpha, ln_sigma }.
function Process:level(at)
  local level = at.t and self.path:level("time", at.t) or self.path:level("lambda", at.lambda)
  level.alpha, level.sigma = math.exp(level.ln_alpha), math.exp(level.ln_sigma)
  return level
end

-- ---- scores, solvers -------------------------------------------------------------------------------------------

diffusion.score = makers(scores.leaf)
diffusion.score.fn, diffusion.score.recast = scores.fn, scores.recast

--- The exact score of a normal law: score.normal{ mean = [D], sd = (of every coordinate) } or score.normal{ mean =, covariance = [D, D] }.
function diffusion.score.normal(given)
  given = options.check("score.normal", given, { mean = {}, sd = { type = "number" }, covariance = {} })
  if given.mean == nil then core.error("score.normal: mean is needed") end
  local mean = core.array(given.mean)
  return diffusion.score.gaussian_mixture { dimension = mean.size, means = mean, sd = given.sd and { given.sd },
    covariances = given.covariance and core.array(given.covariance) }
end

--- The exact score of x0 given y = H x0 + noise, where x0 follows a mixture of normal laws: score.posterior{ prior = parameters of
-- gaussian_mixture, matrix = H [M, D], y = [M], noise = its standard deviation, or covariance [M, M] }.
function diffusion.score.posterior(given) return diffusion.score.gaussian_mixture(mixture.posterior(given)) end

local Solver = {}
Solver.__index = Solver

diffusion.solver = makers(function(name, parameters)
  local object = core.solver(name, parameters or {})
  return setmetatable({ is_solver = true, name = name, object = object, claims = object:claims(),
    plans = object:describe().plans }, Solver)
end)

function diffusion.solver.mrs(given) return mrs(diffusion.solver, given) end

-- ---- plans -----------------------------------------------------------------------------------------------------

local Plan = {}
Plan.__index = Plan

local function levels_of(process, given) return given.levels and given:levels(process) or given end

--- solver:plan{ process =, grid =, dimension = 1 }: what the solver will do: plan.nfe, plan.steps, plan.levels [steps + 1, 4],
-- plan.stochastic, plan:instructions().
function Solver:plan(given)
  given = options.check("plan", given, { process = { type = "table" }, grid = {}, dimension = { type = "number", integer = true,
    min = 1, default = 1 } })
  local levels = levels_of(given.process, given.grid)
  local object = core.plan(self.object, given.process.path, given.dimension, levels)
  local plan = object:about()
  plan.object, plan.levels = object, levels
  return setmetatable(plan, Plan)
end

--- A list of { code = "predict" | "combine" | "combine_by" | "noise" | "mark", to =, from = { { slot =, coefficient = } }, level =,
-- prediction =, scale =, step = }.
function Plan:instructions() return self.object:instructions() end

-- ---- reverse models --------------------------------------------------------------------------------------------

local Reverse = {}
Reverse.__index = Reverse

--- The reverse of a diffusion as a model: diffusion.reverse{ process =, score =, solver =, grid = }. borel.simulate draws from it.
function diffusion.reverse(given)
  given = options.check("diffusion.reverse", given, { process = { type = "table" }, score = { type = "table" },
    solver = { type = "table" }, grid = {} })
  for _, part in ipairs { "process", "score", "solver", "grid" } do
    if not given[part] then core.error(("diffusion.reverse: needs a %s"):format(part)) end
  end
  if given.solver.no_threshold and given.score.thresholded then
    core.error(given.solver.no_threshold .. ": thresholding holds x0, not eps; give predict = \"data\"")
  end
  given.is_reverse = true
  given.predictor = given.score:predictor(given.process)
  return setmetatable(given, Reverse)
end

local known = { draws = { type = "number", integer = true, min = 1, default = 1000 },
  seed = { type = "number", integer = true, min = 0, default = 1 },
  first = { type = "number", integer = true, min = 1, default = 1 }, threads = { type = "number", integer = true, min = 1, default = 1 },
  dimension = { type = "number", integer = true, min = 1 }, init = {}, shift = {}, condition = {}, numbers = {},
  trajectory = { type = "boolean", default = false } }

local function dimension_of(self, given)
  local D = self.predictor:about().D
  if D > 0 then return D end
  if not given.dimension then core.error("borel.simulate: the score takes any dimension; state dimension") end
  return given.dimension
end

-- x [n, D] at each level from the first on: [steps + 1, n, D].
local function along(run, plan)
  local kept = { run:x() }
  for i, instruction in ipairs(plan:instructions()) do
    if instruction.code == "mark" then
      run:advance(i)
      kept[#kept + 1] = run:x()
    end
  end
  return core.stack(kept, { axis = 1 })
end

--- Draws samples: borel.simulate(reverse, { draws = 1000, seed = 1, init = x at the first level [draws, D] (the prior), shift =,
-- condition =, first = 1: number of the first sample, or numbers = of all, threads =, trajectory = }) returns { x = [draws, D], nfe =,
-- plan =, trajectory = [levels, draws, D] }; of solvers that step { x =, nfe = mean of evaluations [draws], rejected = [draws] }.
function Reverse:simulate(given)
  given = options.check("borel.simulate", given, known)
  given.n = given.draws
  local about = self.process.about
  if about.shifted and not given.shift then core.error("borel.simulate: this process reverts to a mean: state shift, [D] or [n, D]") end
  return self.solver.plans and self:planned(given) or self:stepped(given)
end

-- Puts a run at its start: `init`, or noise.
function Reverse:start(run, given)
  if given.init then
    run:x(given.shift and given.init - given.shift or given.init)
  else
    run:prior(self.process.about.prior_scale, self.process.about.degrees)
  end
end

local function back(x, given) return given.shift and x + given.shift or x end

function Reverse:planned(given)
  local plan = self.solver:plan { process = self.process, grid = self.grid, dimension = dimension_of(self, given) }
  local run = core.reverse(plan.object, self.predictor, given)
  self:start(run, given)
  local trajectory = given.trajectory and back(along(run, plan), given) or nil
  run:advance()
  return { x = back(run:x(), given), nfe = plan.nfe, plan = plan, trajectory = trajectory }
end

function Reverse:stepped(given)
  if given.trajectory then core.error(("borel.simulate: %s chooses its steps as it goes: it has no trajectory on the grid")
    :format(self.solver.name)) end
  local run = core.stepper(self.solver.object, self.process.path, levels_of(self.process, self.grid), self.predictor, given,
    dimension_of(self, given))
  self:start(run, given)
  run:advance()
  local evaluations = run:evaluations()
  return { x = back(run:x(), given), nfe = evaluations:mean(), evaluations = evaluations, rejected = run:rejected() }
end

return diffusion
