-- SPDX-License-Identifier: MIT
-- Values given by an equation, and their derivatives by the implicit function theorem.
local borel = require "borel"
local dist = borel.dist

local function close(a, b, tolerance, what)
  assert(math.abs(a - b) <= tolerance * (1 + math.abs(b)), ("%s: %.17g, not %.17g"):format(what, a, b))
end

-- The square root: x^2 = a, whose derivatives are known.
local function root(a) return borel.implicit(function(x, b) return x * x - b end, 1, a) end
for _, a in ipairs { 0.25, 2, 50 } do
  close(root(a), math.sqrt(a), 4e-16, "x^2 = a")
  close(borel.grad(root, a), 0.5 / math.sqrt(a), 1e-14, "first derivative")
  close(borel.grad(function(b) return borel.grad(root, b) end, a), -0.25 * a ^ -1.5, 1e-13, "second derivative")
  close(borel.grad(function(c) return borel.grad(function(b) return borel.grad(root, b) end, c) end, a), 0.375 * a ^ -2.5, 1e-12,
    "third derivative")
end

-- Far from the zero undamped Newton steps diverge: atan at 3 (Nocedal and Wright, section 11.2, uses the like).
close(borel.implicit(function(x) return borel.atan(x) end, 3), 0, 1e-15, "atan x = 0")

-- Two unknowns, the parameters captured: x + y = s, x y = p.
local function pair(s, p)
  return borel.implicit(function(v) return { v[1] + v[2] - s, v[1] * v[2] - p } end, { 5, 1 })
end
local v = pair(5, 6)
close(v[1], 3, 1e-15, "x")
close(v[2], 2, 1e-15, "y")
local ds, dp = borel.grad(function(s, p) return pair(s, p)[1] end, 5, 6)
close(ds, 3, 1e-14, "dx/ds = x / (x - y)")
close(dp, -1, 1e-14, "dx/dp = -1 / (x - y)")

-- No zero, or a singular Jacobian at the guess: NaN.
local lost = {
  none = borel.implicit(function(x) return x * x + 1 end, 1),
  flat = borel.implicit(function(x) return x * x - 1 end, 0),
}
for what, x in pairs(lost) do
  assert(x ~= x, what)
end

local function fails(pattern, ...)
  local ok, message = pcall(borel.implicit, ...)
  assert(not ok and message:find(pattern), message)
end
fails("implicit: the first argument must be a function, got a number", 1, 2)
fails("the guess must be a number or a vector, got a string", error, "x")
fails("2 unknowns need 2 equations, the function returns shape %[1%]", function(x) return x[1] end, { 1, 2 })
fails("the function returns nothing", function() end, 1)

-- In a model: the trace, its check against the plain run, native code and its gradient.
local function kepler() -- E - e sin E = M
  local e, M = borel.sample("e", dist.uniform(0, 0.9)), borel.sample("M", dist.uniform(0, 3))
  local E = borel.implicit(function(x) return x - e * borel.sin(x) - M end, M)
  borel.observe(dist.normal(E, 0.1), 1.5)
end
local m, values = borel.model(kepler), {}
for _, engine in ipairs { "interpreter", "native" } do
  local traced = m:trace({}, engine)
  m:check_trace(traced, {})
  local u = { 0.3, -0.2 }
  local value, gradient = traced.target:evaluate(u, {})
  values[engine] = value
  for i = 1, 2 do
    local h, at = 1e-5, u[i]
    u[i] = at + h
    local high = traced.target:evaluate(u, {})
    u[i] = at - h
    local difference = (high - traced.target:evaluate(u, {})) / (2 * h)
    u[i] = at
    close(gradient[i], difference, 1e-7, "gradient " .. i .. ", " .. engine)
  end
end
close(values.native, values.interpreter, 1e-13, "engines")
