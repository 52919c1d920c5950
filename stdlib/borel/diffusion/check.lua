-- SPDX-License-Identifier: MIT
--- Does a score say what it is taken to say? A wrong parametrisation or label gives noise and no error, so it is tried on data.
--
-- Data are noised, x = alpha x0 + sigma eps, and every way to read the answers is judged by its error in eps. The best
-- prediction is E[eps | x], so that a good score errs less than sigma (x - alpha m) / (alpha^2 v + sigma^2), the best that is
-- linear in x with one factor for all coordinates, m and v being mean and variance of the data. Of the error over that one at
-- three levels, around that where data and noise are of one size, `worst` is the largest and `error` the geometric mean: a
-- reading fits when its worst is no more than 1, and its error that of the best that do, up to what chance and a trained
-- network may add. `bias` is how far the residue x0' - x0 goes with x, which for an exact score is 0, in standard errors.
local core = require "borel.core"
local dist = require "borel.dist"
local options = require "borel.options"
local scores = require "borel.diffusion.score"

local LIMIT = 1.05

-- Mean of a over all elements, as a number.
local function mean(a) return a:sum() / a.size end

-- Three levels around that at which alpha^2 v = sigma^2, inside the process.
local function levels_for(process, v)
  local out, about = {}, process.about
  for i, off in ipairs { -2, 0, 2 } do
    local lambda = math.min(math.max(off - math.log(v) / 2, about.lambda_of_most), about.lambda_of_least)
    out[i] = process:level { lambda = lambda }
  end
  return out
end

-- x and the answers of a score at a level: what = { x0 =, eps = } as declared.
local function asked(score, process, level, x, call)
  local predictor = score:predictor(process)
  local row = { level.t, level.lambda, level.ln_alpha, level.ln_sigma }
  return predictor:predict(x, row, "data", call), predictor:predict(x, row, "noise", call)
end

-- The answers p x0 + q eps of a form read as another one, which gives x0 and eps.
local function read_as(form, declared, process, level, x, x0, eps)
  if form == declared then return x0, eps end
  if declared == "custom" then return nil end
  local p, q = scores.form(declared, process, level)
  local native = p * x0 + q * eps
  p, q = scores.form(form, process, level)
  local det = level.alpha * q - level.sigma * p
  if math.abs(det) <= 1e-12 * (math.abs(level.alpha * q) + math.abs(level.sigma * p)) then return nil end
  return (q * x - level.sigma * native) / det, (level.alpha * native - p * x) / det
end

-- The score itself and, where it has a label in Lua, the same with others.
local function labelled(score)
  if not (score.given and score.given.label) then return { { score = score } } end
  local out = { { score = score, label = score.given.label } }
  for name in pairs(scores.labels) do
    if name ~= score.given.label then
      local given = {}
      for key, value in pairs(score.given) do given[key] = value end
      given.label = name
      out[#out + 1] = { score = scores.fn(given), label = name }
    end
  end
  table.sort(out, function(a, b) return a.score == score or b.score ~= score and tostring(a.label) < tostring(b.label) end)
  return out
end

local forms = { "data", "noise", "score", "v", "velocity" }
local all_forms = { "data", "noise", "score", "v", "velocity", "custom" }

-- Readings by form: { form, label, worst, error, bias }.
local function judge(candidate, declared, process, levels, data, noise, call)
  local found, m = {}, data:mean(1)
  local v = mean((data - m) ^ 2)
  for _, level in ipairs(levels) do
    local x = level.alpha * data + level.sigma * noise
    local x0, eps = asked(candidate.score, process, level, x, call)
    local linear = level.sigma / (level.alpha ^ 2 * v + level.sigma ^ 2) * (x - level.alpha * m)
    local bar = mean((linear - noise) ^ 2)
    for _, form in ipairs(declared == "custom" and { "custom" } or forms) do
      local data_read, noise_read = read_as(form, declared, process, level, x, x0, eps)
      local one = found[form] or { form = form, label = candidate.label, worst = 0, error = 1, bias = 0 }
      found[form] = one
      if data_read then
        local ratio = mean((noise_read - noise) ^ 2) / bar
        one.worst, one.error = math.max(one.worst, ratio), one.error * ratio ^ (1 / #levels)
        local along = ((data_read - data) * x):sum(2)
        one.bias = math.max(one.bias, math.abs(mean(along)) / math.sqrt(math.max(along:var(), 1e-300) / along.size))
      else
        one.worst, one.error = math.huge, math.huge
      end
    end
  end
  return found
end

local function named(reading)
  return ("'%s'%s"):format(reading.form, reading.label and (" with the label '%s'"):format(tostring(reading.label)) or "")
end

-- From best to worst: those that fit first, then by error; what is as good as the best keeps the order of labels, the score's
-- own being first.
local function rank(readings)
  local best = math.huge
  for _, one in ipairs(readings) do
    if one.worst <= LIMIT then best = math.min(best, one.error) end
  end
  for i, one in ipairs(readings) do
    one.fits = one.worst <= LIMIT and one.error <= LIMIT * best
    one.place = one.fits and i or #readings + i
  end
  table.sort(readings, function(a, b)
    if a.fits ~= b.fits then return a.fits end
    if not a.fits and a.error ~= b.error then return a.error < b.error end
    return a.place < b.place
  end)
  for _, one in ipairs(readings) do one.place = nil end
end

local function verdict(own, best)
  local text = "of the error of a linear prediction"
  if own.fits then return ("fits as %s: %.3g %s"):format(named(own), own.error, text) end
  if best.fits then
    return ("does not fit as %s (%.3g %s), but fits as %s (%.3g)"):format(named(own), own.error, text, named(best), best.error)
  end
  return ("fits in no way: the best reading is %s, with %.3g %s, %.3g at the worst level"):format(named(best), best.error, text,
    best.worst)
end

--- diffusion.check(score, process, data [n, D], { seed = 1, shift =, condition = }) returns { fits =, message =, error =,
-- worst =, bias =, readings = { { form, label, fits, error, worst, bias }, ... } from best to worst }: how the answers, as the
-- score was made, go with data, and how they would if they were read as another parametrisation or asked for by another label.
return function(score, process, data, given)
  given = options.check("diffusion.check", given, { shift = {}, condition = {},
    seed = { type = "number", integer = true, min = 0, default = 1 } })
  if type(score) ~= "table" or not score.is_score then core.error("diffusion.check: the first argument is a score") end
  data = core.array(data)
  if #data.shape ~= 2 or data.shape[1] < 2 then core.error("diffusion.check: data are an array [n, D] of at least two samples") end
  if given.shift then data = data - core.array(given.shift) end
  local noise = dist.normal(core.zeros(data.shape), 1):draw(core.philox(core.stream_key(given.seed, "check", "noise"), 0))
  local v = mean((data - data:mean(1)) ^ 2)
  if v ~= v or v <= 0 then core.error("diffusion.check: the data do not vary") end
  local declared = score.predicts or "data"
  local levels, readings, own = levels_for(process, v), {}, nil
  local call = { shift = given.shift, condition = given.condition }
  for i, candidate in ipairs(labelled(score)) do
    local found
    if i == 1 then
      found = judge(candidate, declared, process, levels, data, noise, call)
    else -- a label that the function was not made for may be more than it bears
      local held
      held, found = pcall(judge, candidate, declared, process, levels, data, noise, call)
      if not held then found = {} end
    end
    for _, form in ipairs(all_forms) do
      readings[#readings + 1] = found[form]
      if i == 1 and form == declared then own = found[form] end
    end
  end
  rank(readings)
  return { fits = own.fits, message = verdict(own, readings[1]), error = own.error, worst = own.worst, bias = own.bias,
    readings = readings }
end
