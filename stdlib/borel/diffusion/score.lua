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

--- The predictor of this score along a process.
function Score:predictor(process) return self.make(process) end

--- x0 or eps at x [n, D] (less the shift) and a level of the process: score:predict(process, x, { t = | lambda = }, "data" |
-- "noise", { shift =, condition = }).
function Score:predict(process, x, at, what, given)
  local level = process:level(at)
  return self:predictor(process):predict(x, { level.t, level.lambda, level.ln_alpha, level.ln_sigma }, what or "data", given)
end

--- The score of a plugin, by name or path.
function score.leaf(name, parameters)
  local object = core.score(name, parameters or {})
  return make({ name = name, object = object }, function(process) return core.predictor(object, process.path) end)
end

local function need_score(what, given)
  if type(given) ~= "table" or not given.is_score then core.error(("%s: a score is needed, got a %s"):format(what, type(given))) end
  return given
end

-- eps = sum of weights[j] eps_j.
local function sum(parts, weights)
  return make({}, function(process)
    local predictors = {}
    for j, part in ipairs(parts) do predictors[j] = part:predictor(process) end
    return core.predictor_sum(predictors, weights)
  end)
end

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

local function threshold(what, inner, limit, quantile)
  need_score(what, inner)
  return make({}, function(process) return core.predictor_threshold(inner:predictor(process), limit, quantile) end)
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
