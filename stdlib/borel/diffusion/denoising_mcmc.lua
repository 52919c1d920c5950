-- SPDX-License-Identifier: MIT
--- Denoising MCMC (Kim and Ye 2023): a chain on pairs of a noisy point and its level of noise, which stays near the data, and a
-- solver that takes the noise away from states of the chain. Works with every score and every solver.
--
-- The chain's law is pi(x, j) = w_j p_j(x), where p_j is the law of x at level j. A transition moves x by a Langevin step at
-- the level it has, then draws the level given x.
local core = require "borel.core"
local component = require "borel.component"
local grids = require "borel.diffusion.grid"
local options = require "borel.options"

local MUTANT = require "borel.mutant" "denoising"
local denoising = {}

-- ---- levels ------------------------------------------------------------------------------------------------------------

-- Levels of a grid as tables, from most to least noise, with their rows for the core.
local function levels_of(process, grid)
  local array = grid.levels and grid:levels(process) or grid
  local levels = {}
  for j = 1, #array do
    local row = array[j]
    levels[j] = { t = row[1], lambda = row[2], ln_alpha = row[3], ln_sigma = row[4], sigma = math.exp(row[4]),
      row = { row[1], row[2], row[3], row[4] } }
    if levels[j].sigma == 0 then core.error("langevin_gibbs: a level without noise has no density") end
  end
  return levels, array
end

local function log_weights_of(levels, weights)
  if weights and #weights ~= #levels then
    core.error(("langevin_gibbs: %d weights for %d levels"):format(#weights, #levels))
  end
  local log_weights = {}
  for j = 1, #levels do log_weights[j] = weights and math.log(weights[j]) or 0 end
  return log_weights
end

-- ---- the joint law as a density -------------------------------------------------------------------------------------------

--- diffusion.noisy{ process =, score =, levels = grid, weights = equal }: the law of (x, level) as a density for borel.infer, with
-- sites "x" [D] and "level" (1: most noise). The score must have a log-density. With
-- borel.cycle{ borel.on("x", borel.mala{}), borel.on("level", borel.gibbs{}) } it is adjusted Langevin-Gibbs, whose
-- kernels preserve it exactly.
function denoising.noisy(given)
  given = options.check("diffusion.noisy", given, { process = { type = "table" }, score = { type = "table" }, levels = {}, weights = {} })
  local levels = levels_of(given.process, given.levels)
  local log_weights = log_weights_of(levels, given.weights)
  local object, predictor = given.score.object, given.score:predictor(given.process)
  if not object then core.error("diffusion.noisy: the score is made of others; one with a log-density of its own is needed") end
  local function logdensity(_, u, z)
    local j = z[1]
    return object:logdensity({ u }, { levels[j].row })[1] + log_weights[j]
  end
  return component.new { kind = "density", name = "noisy", summary = "Law of a noisy point and its level of noise",
    sites = { { name = "x", size = predictor:about().D }, { name = "level", lowest = 1, count = #levels } },
    logdensity = logdensity,
    gradient = function(self, u, z)
      local level = levels[z[1]]
      local eps = predictor:predict({ u }, { level.row }, "noise")[1]
      return logdensity(self, u, z), (eps * (-1 / level.sigma)):totable()
    end }
end

-- ---- a batch of chains ------------------------------------------------------------------------------------------------------

local Chain = {}
Chain.__index = Chain

local chain_options = { process = { type = "table" }, score = { type = "table" }, levels = {}, weights = {},
  step = { type = "number" }, adjust = { type = "boolean", default = false },
  scaled = { type = "boolean", default = false },
  choose = { type = "string", default = "sample", choices = { "sample", "argmax" } },
  posterior = { type = "function" } }

--- diffusion.langevin_gibbs{ process =, score =, levels = grid, step = eta, ... }: a transition of many chains at once:
--   x <- x + (eta/2) s(x, j) + sqrt(eta) z; then j is drawn given x
--   weights     w_j of the levels; equal unless stated
--   adjust      accept x by Metropolis-Hastings: then the transition preserves pi exactly; needs the score's log-density
--   scaled      eta_j = min(eta, 2 sigma_j^2), so that a step never overshoots at little noise
--   choose      "sample": the Gibbs step; "argmax": the likeliest level, as published code does, which preserves nothing
--   posterior   function(x [n, D]) -> logits [n, levels] of the level given x, of a classifier; else from the log-density
function denoising.langevin_gibbs(given)
  local self = options.check("langevin_gibbs", given, chain_options)
  for _, name in ipairs { "process", "score", "levels", "step" } do
    if self[name] == nil then core.error(("langevin_gibbs: needs %s"):format(name)) end
  end
  if self.step ~= self.step or self.step <= 0 then core.error(("langevin_gibbs: step is %s, must be above 0"):format(self.step)) end
  self.levels, self.level_rows = levels_of(self.process, self.levels)
  self.log_weights = core.array(log_weights_of(self.levels, self.weights))
  self.predictor = self.score:predictor(self.process)
  self.D = self.predictor:about().D
  if (self.adjust or not self.posterior) and not (self.score.object and self.score.object.logdensity) then
    core.error("langevin_gibbs: this score has no log-density of its own; give posterior, and adjust = false")
  end
  return setmetatable(self, Chain)
end

-- The rows of `levels` that a list of level numbers names, [n, 4].
function Chain:rows(j)
  local rows = {}
  for i, number in ipairs(j) do rows[i] = self.levels[number].row end
  return core.array(rows)
end

local function column(values) return core.array(values):reshape { #values, 1 } end

function Chain:score_at(x, j)
  local sigma = {}
  for i, number in ipairs(j) do sigma[i] = self.levels[number].sigma end
  return self.predictor:predict(x, self:rows(j), "noise") * -1 / column(sigma)
end

-- Langevin steps of all chains: x and whether each was taken.
function Chain:move(state, draws)
  local x, j, eta = state.x, state.j, {}
  for i, number in ipairs(j) do
    local sigma = self.levels[number].sigma
    eta[i] = self.scaled and math.min(self.step, 2 * sigma * sigma) or self.step
  end
  eta = column(eta)
  local s = self:score_at(x, j)
  state.evaluations = state.evaluations + 1
  local y = x + eta / (MUTANT == 1 and 1 or 2) * s + (MUTANT == 2 and eta or eta ^ .5) * draws.z
  if not self.adjust then return y end
  local rows, object = self:rows(j), self.score.object
  local back = self:score_at(y, j)
  state.evaluations = state.evaluations + 1
  local there, here = y - x - eta / 2 * s, x - y - eta / 2 * (MUTANT == 3 and s or back)
  local ratio = object:logdensity(y, rows) - object:logdensity(x, rows)
    + (MUTANT == 4 and 0 or ((there ^ 2 - here ^ 2) / (2 * eta)):sum(2))
  local taken, out = {}, {}
  for i = 1, #j do
    taken[i] = draws.accept(i, ratio[i])
    out[i] = taken[i] and y[i] or x[i]
  end
  state.taken = taken
  return core.stack(out, { axis = 1 })
end

--- log w_j p_j(x) of every level for x [n, D]: [n, levels], up to a constant of each row.
function Chain:logits(x)
  if self.posterior then
    local logits = self.posterior(x)
    if #logits[1] ~= #self.levels then
      core.error(("langevin_gibbs: the posterior has %d levels, the chain %d"):format(#logits[1], #self.levels))
    end
    return logits + self.log_weights
  end
  local columns = {}
  for j, level in ipairs(self.levels) do columns[j] = self.score.object:logdensity(x, { level.row }) end
  return core.stack(columns, { axis = 2 }) + self.log_weights
end

local function highest(row)
  local best = 1
  for k = 2, #row do
    if row[k] > row[best] then best = k end
  end
  return best
end

-- The streams of transition number `index` for chains 1 .. n.
local function draws_of(key, seed, index, n, D)
  local function source(i, site) return core.philox(key, i - 1, index, site) end
  return { z = core.reverse_normals(seed, 1, n, index, 0, D),
    accept = function(i, ratio) return source(i, 0):accept(ratio) end,
    choose = function(i, row) return source(i, 1):categorical_log(row) end }
end

--- One transition of all chains: state = { x = [n, D], j = list of levels, index = transitions so far }.
function Chain:transition(state)
  local n = #state.j
  local draws = draws_of(state.key, state.seed, state.index, n, self.D)
  local before = state.x
  state.x = self:move(state, draws)
  local logits = self:logits(MUTANT == 5 and before or state.x)
  for i = 1, n do
    local row = logits[i]
    state.j[i] = self.choose == "argmax" and highest(row) or draws.choose(i, row)
  end
  state.index = state.index + 1
end

--- A state of n chains at x [n, D], with levels drawn given x.
function Chain:state(x, seed)
  local n = #x
  local state = { x = x, j = {}, seed = seed, key = core.stream_key(seed, "langevin_gibbs"), index = 0, evaluations = 0 }
  local logits = self:logits(x)
  for i = 1, n do state.j[i] = core.philox(state.key, i - 1, 0, 2):categorical_log(logits[i]) end
  return state
end

-- ---- the sampler --------------------------------------------------------------------------------------------------------------

local Sampler = { is_reverse = true }
Sampler.__index = Sampler

local sampler_options = { chain = { type = "table" }, solver = { type = "table" }, grid = { type = "function" },
  chains = { type = "number", integer = true, min = 1, default = 100 }, skip = { type = "number", integer = true, min = 0, default = 4 },
  burn = { type = "number", integer = true, min = 0, default = 20 },
  pick = { type = "string", default = "last", choices = { "last", "min" } }, clean = { type = "boolean", default = true },
  start = {} }

--- diffusion.denoising_mcmc{ chain =, solver =, grid =, ... }: a model whose samples are states of the chain without their noise.
-- borel.simulate draws from it: x [draws, D], nfe for each sample, lambda [draws] where the solver began.
--   grid        function(level) -> the grid that the solver goes from that level, such as
--               function(level) return diffusion.grid.karras { n = 3, lambda_start = level.lambda, lambda_end = 4 } end;
--               nil where there is nothing left to do
--   chains, skip, burn   how many at once, transitions between samples of a chain, and before the first
--   pick        "last": the state itself, of which the solver's samples have the right law; "min": the state with the least noise
--               of the last `skip` ones, as published code does: cheaper to take the noise from, but of another law
--   clean       one more evaluation: x0 at the end of the grid (Tweedie's formula)
--   start       where the chains begin, [chains, D]; else noise that a reverse run of 20 ancestral steps took away
function denoising.denoising_mcmc(given)
  local self = options.check("denoising_mcmc", given, sampler_options)
  for _, name in ipairs { "chain", "solver", "grid" } do
    if not self[name] then core.error(("denoising_mcmc: needs %s"):format(name)) end
  end
  return setmetatable(self, Sampler)
end

-- x at its level, for all rows, is taken to the end of that level's grid: x there, evaluations [n], the level at the end.
function Sampler:denoise(x, j, numbers, seed)
  local chain, groups, out, nfe = self.chain, {}, {}, 0
  for i, number in ipairs(j) do
    groups[number] = groups[number] or {}
    table.insert(groups[number], i)
  end
  for number, rows in pairs(groups) do
    local points, own = {}, {}
    for k, i in ipairs(rows) do points[k], own[k] = x[i], numbers[i] end
    local level, y = chain.levels[number], core.stack(points, { axis = 1 })
    local grid, last = self.grid(level), core.array(level.row)
    if grid then
      local plan = self.solver:plan { process = chain.process, grid = grid, dimension = chain.D }
      local run = core.reverse(plan.object, chain.predictor, { n = #rows, seed = seed, numbers = own })
      run:x(y)
      run:advance()
      y, last, nfe = run:x(), plan.levels[#plan.levels], nfe + #rows * plan.nfe
    end
    if self.clean and last[4] > -math.huge then
      y, nfe = chain.predictor:predict(y, { last }, "data"), nfe + #rows
    end
    for k, i in ipairs(rows) do out[i] = y[k] end
  end
  return core.stack(out, { axis = 1 }), nfe
end

local START_GRID = grids.karras { n = 20 }

-- Where chains begin.
function Sampler:begin(seed)
  local chain, process = self.chain, self.chain.process
  if self.start then return core.array(self.start) end
  local plan = core.plan(core.solver("ddim", { eta = 1 }), process.path, chain.D, START_GRID:levels(process))
  local run = core.reverse(plan, chain.predictor, { n = self.chains, seed = seed })
  run:prior(process.about.prior_scale, process.about.degrees)
  run:advance()
  return run:x()
end

function Sampler:simulate(given)
  given = options.check("borel.simulate", given, { draws = { type = "number", integer = true, min = 1, default = 1000 },
    seed = { type = "number", integer = true, min = 0, default = 1 } })
  local chain, n = self.chain, self.chains
  local state = chain:state(self:begin(given.seed), given.seed)
  for _ = 1, self.burn do chain:transition(state) end
  local kept, lambdas, trace, nfe = {}, {}, {}, state.evaluations * n
  local rounds = math.ceil(given.draws / n)
  for round = 1, rounds do
    local x, j = state.x, table.move(state.j, 1, n, 1, {})
    local before = state.evaluations
    for _ = 1, self.skip do
      chain:transition(state)
      if self.pick == "last" then
        x, j = state.x, table.move(state.j, 1, n, 1, {})
      else
        local rows = {}
        for i = 1, n do
          local better = state.j[i] > j[i]
          rows[i] = better and state.x[i] or x[i]
          if better then j[i] = state.j[i] end
        end
        x = core.stack(rows, { axis = 1 })
      end
    end
    local numbers = {}
    for i = 1, n do numbers[i] = (round - 1) * n + i end
    local y, spent = self:denoise(x, j, numbers, given.seed)
    nfe = nfe + spent + (state.evaluations - before) * n
    kept[round] = y
    local sorted = table.move(j, 1, n, 1, {})
    table.sort(sorted)
    trace[round] = chain.levels[sorted[(n + 1) // 2]].sigma
    for i = 1, n do lambdas[#lambdas + 1] = chain.levels[j[i]].lambda end
  end
  local x = rounds == 1 and kept[1] or core.stack(kept, { axis = 1 }):reshape { rounds * n, chain.D }
  return { x = x:slice(1, given.draws), nfe = nfe / (rounds * n), lambda = core.array(lambdas):slice(1, given.draws),
    sigma_trace = trace, state = state }
end

return denoising
