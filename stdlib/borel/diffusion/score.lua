-- SPDX-License-Identifier: MIT
--- Scores: those of plugins, and what is made of them. A score has predictor(process): the core object that predicts x0 or
-- eps along that process.
local core = require "borel.core"
local options = require "borel.options"

local score = { guide = {}, threshold = {} }

local Score = {}
Score.__index = Score

local function make(fields, predictor)
  fields.is_score, fields.make = true, predictor
  return setmetatable(fields, Score)
end

-- e^v of a number or an array.
local function exp(v) return type(v) == "number" and math.exp(v) or v:exp() end

-- A level of the process as [1, 4], or levels [n, 4] as they are.
local function at_level(process, at)
  if type(at) ~= "table" or at.t == nil and at.lambda == nil then return at end
  local level = process:level(at)
  return { level.t, level.lambda, level.ln_alpha, level.ln_sigma }
end

--- The predictor of this score along a process.
function Score:predictor(process) return self.make(process) end

--- x0 or eps at x [n, D] (less the shift) and a level of the process, or levels [n, 4] of the samples: score:predict(process, x,
-- { t = | lambda = }, "data" | "noise", { shift =, condition = }).
function Score:predict(process, x, at, what, given)
  return self:predictor(process):predict(x, at_level(process, at), what or "data", given)
end

--- The log-density of x [n, D] (less the shift) at a level of the process, [n]: score:logdensity(process, x, { t = | lambda = },
-- { shift =, condition = }).
function Score:logdensity(process, x, at, given)
  return self:predictor(process):logdensity(x, at_level(process, at), given)
end

-- Derivatives of the native answer of a plugin's score at x [n, D] (with the shift).
local function derivative(name)
  return function(self, process, x, at, dx, given)
    if not self.object then core.error(("%s: this score is none of a plugin"):format(name)) end
    return self.object[name](self.object, x, at_level(process, at), dx, given)
  end
end

--- What the native answer changes by along dx [n, D]: score:jvp(process, x, at, dx, { dlevel = changes of ln alpha and ln sigma
-- [n, 2], shift =, condition = }): [n, D]. x has the shift here.
Score.jvp = derivative "jvp"
--- dx' J, J being the derivative of the native answer by x: score:vjp(process, x, at, dx, { shift = }): [n, D].
Score.vjp = derivative "vjp"
local diagonal = derivative "diagonal"
--- The diagonal of J: score:diagonal(process, x, at, { shift = }): [n, D].
function Score:diagonal(process, x, at, given) return diagonal(self, process, x, at, nil, given) end

--- The score of a plugin, by name or path.
function score.leaf(name, parameters)
  local object = core.score(name, parameters or {})
  return make({ name = name, object = object, predicts = object:describe().predicts }, function(process)
    return core.predictor(object, process.path)
  end)
end

-- ---- scores in Lua ------------------------------------------------------------------------------------------------

--- How a score in Lua may be told the level: functions of a level and N, the number of indices. "index" counts the levels
-- of a table from 0, at times 1/N .. 1; "last" and "count" are other conventions in use for the same models.
score.labels = {
  time = function(level) return level.t end,
  index = function(level, N) return (level.t - 1 / N) * N end,
  last = function(level, N) return level.t * (N - 1) end,
  count = function(level, N) return level.t * N end,
  lambda = function(level) return level.lambda end,
  sigma = function(level) return exp(-1 * level.lambda) end,
  log_sigma = function(level) return level.lambda * -0.25 end,
}

local parametrisations = { "data", "noise", "score", "v", "velocity" }

-- A level as a table from levels [1 or n, 4]: numbers, or columns [n, 1] where samples have levels of their own.
local function level_of(levels, label, N)
  local level, one = {}, levels.shape[1] == 1
  for j, name in ipairs { "t", "lambda", "ln_alpha", "ln_sigma" } do
    level[name] = one and levels[{ 1, j }] or levels:t()[j]:reshape { levels.shape[1], 1 }
  end
  level.alpha, level.sigma = exp(level.ln_alpha), exp(level.ln_sigma)
  if label then level.label = label(level, N) end
  return level
end

--- A score in Lua: score.fn{ fn = function(x, level, call) ... end, predicts = "data" | "noise" | "score" | "v" | "velocity",
-- dimension = (any), calls = 1 of networks for an answer, label = name of score.labels or function(level, steps), steps = 1000 }. fn
-- gets x [n, D] (with the shift), level { t, lambda, alpha, sigma, ln_alpha, ln_sigma, label } of numbers, or columns [n, 1], and call {
-- shift, condition, first, step }; it returns [n, D], x0 being less the shift.
function score.fn(given)
  given = options.check("score.fn", given, { fn = { type = "function" }, predicts = { choices = parametrisations, default = "data" },
    dimension = { type = "number", integer = true, min = 1 }, calls = { type = "number", integer = true, min = 0, default = 1 },
    label = {}, steps = { type = "number", integer = true, min = 2, default = 1000 } })
  if not given.fn then core.error("score.fn: fn, the function that predicts, is needed") end
  local label = given.label
  if type(label) == "string" then
    label = score.labels[label] or options.unknown("score.fn: unknown label", label, score.labels)
  elseif label ~= nil and type(label) ~= "function" then
    core.error("score.fn: label is a name or a function")
  end
  local function answer(x, levels, call)
    return given.fn(call.shift and x + call.shift or x, level_of(levels, label, given.steps), call)
  end
  return make({ predicts = given.predicts, given = given }, function(process)
    return core.predictor_function(answer, process.path, given.predicts, given.dimension or 0, given.calls)
  end)
end

local function need_score(what, given)
  if type(given) ~= "table" or not given.is_score then core.error(("%s: a score is needed, got a %s"):format(what, type(given))) end
  return given
end

--- p and q of the answer p x0 + q eps in a parametrisation, at a level of the process: score.form("v", process, level).
function score.form(predicts, process, level)
  if predicts == "data" then return 1, 0 end
  if predicts == "noise" then return 0, 1 end
  if predicts == "score" then return 0, -1 / level.sigma end
  if predicts == "v" then return -level.sigma, level.alpha end
  return process.path:slopes(level.t)
end

--- The same score, answering in another parametrisation: score.recast(score, "velocity"). For trying and teaching: it asks twice.
function score.recast(inner, predicts)
  need_score("score.recast", inner)
  return make({ predicts = predicts }, function(process)
    local predictor = inner:predictor(process)
    local function answer(x, levels, call)
      local native = {}
      local x0, eps = predictor:predict(x, levels, "data", call), predictor:predict(x, levels, "noise", call)
      for i = 1, levels.shape[1] do
        local level = { t = levels[{ i, 1 }], alpha = math.exp(levels[{ i, 3 }]), sigma = math.exp(levels[{ i, 4 }]) }
        local p, q = score.form(predicts, process, level)
        if levels.shape[1] == 1 then return p * x0 + q * eps end
        native[i] = p * x0[i] + q * eps[i]
      end
      return core.stack(native, { axis = 1 })
    end
    return core.predictor_function(answer, process.path, predicts, predictor:about().D, 2 * predictor:about().calls)
  end)
end

-- ---- scores made of scores -------------------------------------------------------------------------------------

local function combine(parts, weights, how)
  local thresholded = false
  for _, part in ipairs(parts) do thresholded = thresholded or part.thresholded or false end
  return make({ thresholded = thresholded }, function(process)
    local predictors = {}
    for j, part in ipairs(parts) do predictors[j] = part:predictor(process) end
    return how(predictors, weights)
  end)
end

-- eps = sum of weights[j] eps_j.
local function sum(parts, weights) return combine(parts, weights, core.predictor_sum) end

--- Classifier-free guidance (Ho and Salimans 2022): eps = eps_u + scale (eps_c - eps_u).
function score.guide.cfg(given)
  given = options.check("guide.cfg", given, { cond = {}, uncond = {}, scale = { type = "number", default = 1 } })
  need_score("guide.cfg: cond", given.cond)
  if given.scale ~= 1 then need_score("guide.cfg: uncond (scale is not 1)", given.uncond) end
  if not given.uncond then return given.cond end
  return sum({ given.cond, given.uncond }, { given.scale, 1 - given.scale })
end

--- eps = sum of weights[j] eps_j: guide.sum{ scores = {...}, weights = {...} }.
function score.guide.sum(given)
  given = options.check("guide.sum", given, { scores = { type = "table" }, weights = { type = "table" } })
  for _, part in ipairs(given.scores) do need_score("guide.sum", part) end
  return sum(given.scores, given.weights)
end

--- The law of data is a mixture of those of the scores: guide.mixture{ scores = {...}, weights = (equal) }: x0 = sum r_j x0_j with r_j
-- proportional to weights[j] times the density of x under score j at its level. Each needs a log-density.
function score.guide.mixture(given)
  given = options.check("guide.mixture", given, { scores = { type = "table" }, weights = { type = "table" } })
  local weights = given.weights or {}
  for j, part in ipairs(given.scores or {}) do
    need_score("guide.mixture", part)
    if not given.weights then weights[j] = 1 end
  end
  return combine(given.scores or {}, weights, core.predictor_mixture)
end

local function threshold(what, inner, limit, quantile)
  need_score(what, inner)
  return make({ thresholded = true }, function(process) return core.predictor_threshold(inner:predictor(process), limit, quantile) end)
end

--- x0 held to [-max, max]: threshold.static{ score =, max = 1 }.
function score.threshold.static(given)
  given = options.check("threshold.static", given, { score = {}, max = { type = "number", default = 1 } })
  return threshold("threshold.static", given.score, given.max, 0)
end

--- Dynamic thresholding (Saharia et al. 2022): x0 held to the p-quantile s of its magnitudes in a sample where that is above
-- max, and scaled by max / s: threshold.dynamic{ score =, p = 0.995, max = 1 }.
function score.threshold.dynamic(given)
  given = options.check("threshold.dynamic", given, { score = {}, p = { type = "number", default = 0.995 },
    max = { type = "number", default = 1 } })
  return threshold("threshold.dynamic", given.score, given.max, given.p)
end

return score
