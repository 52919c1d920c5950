-- SPDX-License-Identifier: MIT
--- Covariance functions of Gaussian processes: matrices [N, M] of the covariances between inputs.
--   local K = borel.kernels.squared_exponential(x, { sigma = alpha, length = rho })
--   sample("f", dist.gaussian_process(0, K))
-- x is [N] or [N, D]; options: sigma, the standard deviation of the process (default 1); length, its length scale, a
-- number or one for each of the D axes (default 1); y, other inputs [M] or [M, D] (default x itself). Kernels add and multiply.
-- Formulas: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, section 4.2 (eqs. 4.9, 4.17, 4.31).
local core = require "borel.core"
local options = require "borel.options"
local shapes = require "borel.shape"

local kernels = {}

-- Inputs as [N, D], divided by the length.
local function points(what, x, length)
  if type(x) == "table" and getmetatable(x) == nil then x = core.array(x) end
  if not core.is_array(x) and not core.is_symbolic(x) then
    core.error(("%s: inputs are a %s, must be an array [N] or [N, D]"):format(what, type(x)))
  end
  local rank = #x.shape
  if rank ~= 1 and rank ~= 2 then core.error(("%s: inputs have shape %s, must be [N] or [N, D]"):format(what, shapes.text(x.shape))) end
  if rank == 1 then x = x:reshape { x.size, 1 } end
  return length and x / length or x
end

-- Differences of axis d: [N, M].
local function differences(a, b, d)
  return a[{ ":", d }]:reshape { a.shape[1], 1 } - b[{ ":", d }]
end

-- The sum over axes of fn(difference).
local function over_axes(what, a, b, fn)
  if a.shape[2] ~= b.shape[2] then
    core.error(("%s: inputs have %d axes, those of y have %d"):format(what, a.shape[2], b.shape[2]))
  end
  local sum = fn(differences(a, b, 1))
  for d = 2, a.shape[2] do sum = sum + fn(differences(a, b, d)) end
  return sum
end

local KNOWN = { sigma = { default = 1 }, length = { default = 1 }, y = {} }
local KNOWN_PERIODIC = { sigma = { default = 1 }, length = { default = 1 }, y = {}, period = { default = 1 } }

local function squared_distance(what, x, given)
  local o = options.check(what, given, KNOWN)
  local a = points(what, x, o.length)
  local square = over_axes(what, a, o.y and points(what, o.y, o.length) or a, core.square)
  return square, o.sigma * o.sigma
end

-- The distance, whose derivative is taken as 0 where it is 0: the kernels below are smooth there.
local function root(square)
  local apart = core.gt(square, 0)
  return core.where(apart, core.sqrt(core.where(apart, square, 1)), 0)
end

--- sigma^2 exp(-r^2 / 2), r the distance over the length: functions that are smooth without end.
function kernels.squared_exponential(x, given)
  local square, variance = squared_distance("kernels.squared_exponential", x, given)
  return variance * core.exp(-0.5 * square)
end

--- sigma^2 (1 + sqrt(3) r) exp(-sqrt(3) r): functions with one derivative.
function kernels.matern32(x, given)
  local square, variance = squared_distance("kernels.matern32", x, given)
  local r = math.sqrt(3) * root(square)
  return variance * ((1 + r) * core.exp(-r))
end

--- sigma^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r): functions with two derivatives.
function kernels.matern52(x, given)
  local square, variance = squared_distance("kernels.matern52", x, given)
  local r = math.sqrt(5) * root(square)
  return variance * ((1 + r + (5 / 3) * square) * core.exp(-r))
end

--- sigma^2 exp(-2 sum_d sin^2(pi (x_d - y_d) / period) / length^2): functions that repeat; option period, default 1.
function kernels.periodic(x, given)
  local what = "kernels.periodic"
  local o = options.check(what, given, KNOWN_PERIODIC)
  local a = points(what, x)
  local sines = over_axes(what, a, o.y and points(what, o.y) or a, function(d) return core.square(core.sin(d * (math.pi / o.period))) end)
  return o.sigma * o.sigma * core.exp(-2 * sines / (o.length * o.length))
end

return setmetatable(kernels, {
  __index = function(_, name) options.unknown("borel.kernels has no", name, kernels) end,
})
