-- SPDX-License-Identifier: MIT
-- What the tests of diffusion solvers share: the mixture M3, runs, errors, slopes.
local borel = require "borel"
local core = require "borel.core"
local diffusion = borel.diffusion

local tools = {}

tools.m3_parameters = { dimension = 2, weights = { .3, .5, .2 }, means = { 1, .5, -.8, .3, .2, -1.1 }, sd = { .25, .35, .2 } }
tools.m3 = diffusion.score.gaussian_mixture(tools.m3_parameters)
tools.vp = diffusion.process.vp {}

function tools.grid(n, a, b) return diffusion.grid.lambda { n = n, lambda_start = a, lambda_end = b } end

--- A run of a solver over a grid: given has process, score, and options of borel.simulate.
function tools.run(solver, grid, given)
  given = given or {}
  return borel.simulate(diffusion.reverse { process = given.process or tools.vp, score = given.score or tools.m3, solver = solver,
    grid = grid }, { draws = given.draws or 256, seed = given.seed or 1, init = given.init, shift = given.shift,
    first = given.first, trajectory = given.trajectory, dimension = given.dimension })
end

local function numbers(a, out)
  for _, v in ipairs(a) do
    if type(v) == "table" then numbers(v, out) else out[#out + 1] = v end
  end
  return out
end

--- All numbers of an array, in order.
function tools.numbers(a) return numbers(a:totable(), {}) end

--- The largest magnitude of an array.
function tools.largest(a)
  local most = 0
  for _, v in ipairs(tools.numbers(a)) do
    assert(v == v, "a number is NaN")
    most = math.max(most, math.abs(v))
  end
  return most
end

--- Root mean square over samples of the norm of a - b, [n, D].
function tools.distance(a, b)
  local n = a.shape[1]
  return ((a - b) ^ 2):sum() ^ .5 / n ^ .5
end

--- Errors of a solver at each n, and slopes -log2 of their ratios, against x at the end of `reference`.
function tools.slopes(solver, reference, ns, from, to, given)
  local errors, slopes = {}, {}
  for i, n in ipairs(ns) do
    errors[i] = tools.distance(tools.run(solver, tools.grid(n, from, to), given).x, reference)
    if i > 1 then slopes[i - 1] = math.log(errors[i - 1] / errors[i]) / math.log(n / ns[i - 1]) end
  end
  return errors, slopes
end

function tools.near(value, expected, tolerance, what)
  assert(math.abs(value - expected) <= tolerance,
    ("%s: %.17g, expected %.17g within %g"):format(what, value, expected, tolerance))
end

function tools.between(value, low, high, what)
  assert(value >= low and value <= high, ("%s: %.6g, must be from %g to %g"):format(what, value, low, high))
end

--- fn must fail with a message that has this text.
function tools.refuses(text, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "not refused: " .. text)
  assert(tostring(message):find(text, 1, true), ("refused, but with \"%s\" instead of \"%s\""):format(tostring(message), text))
end

--- The mean and variance of x at the end of a plan, where x0 follows N(mean, variance), D = 1, and x at the start its own law:
-- every slot is a combination of 1, x at the start, and each of the normals drawn, for x0 is linear in x. Returns how far
-- they are from those of the last level.
function tools.moments(process, solver, grid, mean, variance)
  local slots, drawn, last = { [0] = { x = 1 }, [-1] = { one = 1 } }, 0, nil
  local function combine(parts)
    local out = {}
    for _, part in ipairs(parts) do
      for k, c in pairs(part[2]) do out[k] = (out[k] or 0) + part[1] * c end
    end
    return out
  end
  local plan = solver:plan { process = process, grid = grid }
  for _, at in ipairs(plan:instructions()) do
    if at.code == "predict" then
      local alpha, sigma = math.exp(at.level.ln_alpha), math.exp(at.level.ln_sigma)
      local gain = alpha * variance / (alpha ^ 2 * variance + sigma ^ 2)
      local x = slots[at.from[1].number]
      local x0 = combine { { gain, x }, { mean * (1 - gain * alpha), { one = 1 } } }
      slots[at.number] = at.prediction == "data" and x0 or combine { { 1 / sigma, x }, { -alpha / sigma, x0 } }
    elseif at.code == "combine" then
      local parts = {}
      for j, source in ipairs(at.from) do parts[j] = { source.coefficient, slots[source.number] } end
      slots[at.number] = combine(parts)
    elseif at.code == "noise" then
      drawn = drawn + 1
      slots[at.number] = combine { { 1, slots[at.number] }, { at.scale, { [drawn] = 1 } } }
    elseif at.code == "mark" then
      last = at.level
    end
  end
  local levels = plan.levels
  local alpha, sigma = math.exp(levels[{ 1, 3 }]), math.exp(levels[{ 1, 4 }])
  local x = slots[0]
  local out_mean = (x.one or 0) + x.x * alpha * mean
  local out_variance = x.x ^ 2 * (alpha ^ 2 * variance + sigma ^ 2)
  for k = 1, drawn do out_variance = out_variance + (x[k] or 0) ^ 2 end
  alpha, sigma = math.exp(last.ln_alpha), math.exp(last.ln_sigma)
  return out_mean - alpha * mean, out_variance - (alpha ^ 2 * variance + sigma ^ 2)
end

--- x at each level of a list where x0 or eps is the polynomial c[1] + c[2] l + c[3] l^2 in lambda, whatever x: the exact x_t from x_s.
function tools.polynomial_step(c, prediction, s, t, x)
  local function value(l) return c[1] + c[2] * l + c[3] * l ^ 2 end
  local function slope(l) return c[2] + 2 * c[3] * l end
  local h = t.lambda - s.lambda
  if prediction == "noise" then -- int e^{lambda_t - l} q dl by parts
    local function q(l) return value(l) + slope(l) + 2 * c[3] end
    return math.exp(t.ln_alpha - s.ln_alpha) * x - math.exp(t.ln_sigma) * (math.exp(h) * q(s.lambda) - q(t.lambda))
  end
  local function q(l) return value(l) - slope(l) + 2 * c[3] end
  return math.exp(t.ln_sigma - s.ln_sigma) * x + math.exp(t.ln_alpha) * (q(t.lambda) - math.exp(-h) * q(s.lambda))
end

--- Starts at [n, D] from level lambda of the samples of a normal law.
function tools.normals(n, D, seed)
  local x = tools.run(diffusion.solver.ddim {}, tools.grid(1, -5, -5 + 1e-12), { draws = n, seed = seed, dimension = D,
    score = diffusion.score.fn { fn = function(x) return 0 * x end, predicts = "noise", dimension = D } }).x
  return x
end

tools.core, tools.diffusion = core, diffusion
return tools
