-- SPDX-License-Identifier: MIT
-- Interpolation and covariance functions: values, derivatives, edges.
local borel = require "borel"
local session = require "borel.session"
local dist, sample, factor = borel.dist, borel.sample, borel.factor
session.quiet = true

local function check(condition, ...)
  if not condition then error(string.format(...), 2) end
end
local function off(a, b) return borel.maximum(borel.abs(a - b)) end
local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  check(not ok and tostring(message):find(pattern, 1, true), "no error with '%s': %s", pattern, tostring(message))
end

-- The density and gradient of a factor at u.
local function evaluate(fn, u)
  local model = borel.model(function() factor(fn(sample("u", dist.flat():iid(#u)))) end)
  return model:trace(nil, "interpreter").target:evaluate(u, {})
end
-- Central differences of step h = 1e-5: truncation h^2 |f'''| / 6, rounding eps |f| / h, both below 1e-8 here.
local function check_gradient(fn, u, what)
  local _, gradient = evaluate(fn, u)
  for i = 1, #u do
    local high, low = { table.unpack(u) }, { table.unpack(u) }
    high[i], low[i] = u[i] + 1e-5, u[i] - 1e-5
    local slope = ((evaluate(fn, high)) - (evaluate(fn, low))) / 2e-5
    check(math.abs(gradient[i] - slope) < 1e-7 * (1 + math.abs(slope)), "%s: derivative %d is %g, differences %g", what, i,
      gradient[i], slope)
  end
end

-- ---- interpolation --------------------------------------------------------------------------------------------

local xs, ys = { -1, 0, 0.5, 2, 2.25, 5 }, { 2, 1, 1.5, 4, 4, -3 }
local at = { -1, -0.6, 0.1, 0.5, 1.9, 2.1, 3.7, 5 }
local want = {
  linear = { 2, 1.6, 1.1, 1.5, 1.5 + 2.5 * 1.4 / 1.5, 4, 4 - 7 * 1.45 / 2.75, -3 },
  -- SciPy 1.17.1: PchipInterpolator(xs, ys)(at), CubicSpline(xs, ys, bc_type="natural")(at)
  pchip = { 2, 1.312, 1.0328, 1.5, 3.9756148148148154, 4, 1.9772191334835958, -3 },
  spline = { 2, 1.3931867047268858, 1.040951404104145, 1.5, 3.9442565516796493, 4.022301749341664, 1.419836829482385, -3 },
}
for method, values in pairs(want) do
  check(off(borel.interp(at, xs, ys, { method = method }), borel.array(values)) < 1e-14 * 8, "interp: %s", method)
  -- x known only when the model runs: the sum of rises rounds once for each piece
  for i, x in ipairs(at) do
    local value = evaluate(function(u) return borel.interp(u, xs, ys, { method = method })[1] end, { x })
    check(math.abs(value - values[i]) < 1e-14 * 8 * 6, "interp: %s at symbolic %g: %.17g, not %.17g", method, x, value, values[i])
  end
  for _, extrapolate in ipairs { "constant", "linear" } do
    local o = { method = method, extrapolate = extrapolate }
    -- derivatives in x, within and beyond; in y; and in both
    check_gradient(function(u) return borel.sum(borel.interp(u, xs, ys, o)) end, { -2, -0.6, 0.1, 1.9, 3.7, 6 }, method .. " in x")
    check_gradient(function(u) return borel.sum(borel.square(borel.interp({ -2, -0.6, 0.1, 1.9, 3.7, 6 }, xs, u, o))) end, { 2,
      1, 1.5, 4, 4.2, -3 },
      method .. " in y")
    check_gradient(function(u) return borel.interp(u[1], xs, borel.stack { u, 3 }, o) end, { 0.3, 1, 0.7, 2, 1 }, method .. " in both")
    local known = borel.interp({ -3, 7 }, xs, ys, o)
    for i, x in ipairs { -3, 7 } do
      local value = evaluate(function(u) return borel.interp(u, xs, ys, o)[1] end, { x })
      check(math.abs(value - known[i]) < 1e-13, "interp: %s beyond, known and symbolic", method)
    end
    if extrapolate == "constant" then check(known[1] == 2 and math.abs(known[2] + 3) < 1e-14, "interp: constant beyond") end
  end
  check(off(borel.interp({ 0.25, 3 }, { 0, 1 }, { 1, 3 }, { method = method, extrapolate = "linear" }), borel.array { 1.5, 7 }) < 1e-15,
    "interp: two knots make a line")
end
check(borel.interp(0.25, { 0, 1 }, { 1, 3 }) == 1.5, "interp: a number")
check(table.concat(borel.interp(borel.zeros { 2, 3 }, xs, ys).shape, " ") == "2 3", "interp: shape")

-- Monotone data make a monotone curve, where the spline overshoots.
local steps = borel.range(0, 400) / 100
local monotone = borel.interp(steps, { 0, 1, 2, 3, 4 }, { 0, 0.01, 5, 5.01, 10 }, { method = "pchip" })
check(borel.maximum(monotone:slice(1, 400) - monotone:slice(2, 401)) <= 0, "interp: pchip is not monotone")

raises("interp: x is 5.5 (element 2), the knots go from -1 to 5", borel.interp, { 0, 5.5 }, xs, ys)
raises("nan (element 1)", function() return borel.interp({ math.huge - math.huge }, xs, ys) end)
raises("interp: the knots xs must increase and be finite, element 2 does not", borel.interp, 0, { 0, 0, 1 }, { 1, 2, 3 })
raises("interp: the knots xs must be a known vector of at least 2 elements", borel.interp, 0, { 0 }, { 1 })
raises("interp: ys has shape [2], must be [6], one for each knot", borel.interp, 0, xs, { 1, 2 })
raises("interp: option 'method' is 'cubic', must be one of linear, pchip, spline", borel.interp, 0, xs, ys, { method = "cubic" })
raises("did you mean 'extrapolate'", borel.interp, 0, xs, ys, { extrapolation = "linear" })
local refused = evaluate(function(u) return borel.interp(u, xs, ys)[1] end, { 6 })
check(refused ~= refused or refused == -math.huge, "interp: a symbolic x beyond the knots has a density")

-- ---- covariance functions ---------------------------------------------------------------------------------------

local kernels = borel.kernels
local x = { 0, 0.5, 2 }
local o = { sigma = 1.5, length = 0.8 }
local formulas = {
  squared_exponential = function(d) return math.exp(-0.5 * d * d) end,
  matern32 = function(d) return (1 + math.sqrt(3) * d) * math.exp(-math.sqrt(3) * d) end,
  matern52 = function(d) return (1 + math.sqrt(5) * d + 5 * d * d / 3) * math.exp(-math.sqrt(5) * d) end,
}
for name, formula in pairs(formulas) do
  local K = kernels[name](x, o)
  for i = 1, 3 do
    for j = 1, 3 do check(math.abs(K[{ i, j }] - 2.25 * formula(math.abs(x[i] - x[j]) / 0.8)) < 1e-15 * 9, "%s", name) end
  end
  -- two axes, a length each; other inputs
  local A, B = borel.array { { 0, 1 }, { 2, 3 } }, borel.array { { 1, 1 } }
  local C = kernels[name](A, { length = { 1, 2 }, y = B })
  check(table.concat(C.shape, " ") == "2 1" and math.abs(C[{ 2, 1 }] - formula(math.sqrt(1 + 1))) < 1e-15, "%s: two axes", name)
  -- derivatives in sigma, length and the inputs, two of which are equal
  check_gradient(function(u)
    local points = borel.stack { u[3], u[3], u[4] }
    return borel.sum(kernels[name](points, { sigma = u[1], length = u[2] }) * borel.array { { 1, 2, 3 }, { 2, 5, 4 }, { 3, 4, 6 } })
  end, { 1.5, 0.8, 0.3, 1.1 }, name)
end
local P = kernels.periodic(x, { sigma = 2, length = 0.7, period = 1.5 })
check(math.abs(P[{ 1, 2 }] - 4 * math.exp(-2 * math.sin(math.pi * 0.5 / 1.5) ^ 2 / 0.49)) < 1e-15 * 4, "periodic")
check(math.abs(kernels.periodic({ 0, 3 }, { period = 1.5 })[{ 1, 2 }] - 1) < 1e-15, "periodic: two periods")
raises("kernels.matern32: inputs have 2 axes, those of y have 1", kernels.matern32, { { 1, 2 } }, { y = { 1 } })
raises("kernels.periodic: unknown option 'perod'; did you mean 'period'?", kernels.periodic, { 1 }, { perod = 2 })
raises("kernels.matern52: inputs are a string", kernels.matern52, "x")
raises("borel.kernels has no 'rbf'", function() return kernels.rbf end)
