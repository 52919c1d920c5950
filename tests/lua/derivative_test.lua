-- SPDX-License-Identifier: MIT
-- borel.grad and borel.jvp: on numbers, in models, of each other; what they refuse.
local array = borel.array

local function close(got, want, what)
  local a = type(got) == "number" and { got } or got:reshape { got.size }:totable()
  local b = type(want) == "number" and { want } or want
  assert(#a == #b, what)
  for i = 1, #a do
    assert(math.abs(a[i] - b[i]) <= 1e-13 * (1 + math.abs(b[i])), ("%s [%d]: %.17g, not %.17g"):format(what, i, a[i], b[i]))
  end
end

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(pattern), ("expected '%s', got: %s"):format(pattern, tostring(message)))
end

-- ---- on numbers -------------------------------------------------------------------------------------------

close(borel.grad(function(x) return (x * x):sum() end, array { 1, 2, 3 }), { 2, 4, 6 }, "gradient")
local dx, dy = borel.grad(function(x, y) return x * y * y end, 2, 3)
close(dx, 9, "first"); close(dy, 12, "second")
assert(type(dx) == "number")
close(borel.grad(function(x) return x * x end, 3), 6, "an integer")
close(borel.grad(function(m) return (m[{ 1, ":" }] * 2):sum() end, array { { 1, 2 }, { 3, 4 } }), { 2, 2, 0, 0 }, "a matrix")

local y, dot = borel.jvp(function(x) return borel.stack { x:sum(), x[1] * x[2] } end, { array { 2, 3 } }, { array { 1, 10 } })
close(y, { 5, 6 }, "value"); close(dot, { 11, 23 }, "tangent")
y, dot = borel.jvp(function(a, b) return { a * b, a } end, { 2, 3 }, { 1, 0 })
close(y, { 6, 2 }, "a list"); close(dot, { 3, 1 }, "of tangents")

-- What the function takes from outside is constant, also when it is the same value.
close(borel.grad(function(x) return borel.grad(function(z) return z * z * z * x end, x) end, 2), 36, "nested")

-- Hessian times vector, both ways: f = x1^2 x2, H = [[2 x2, 2 x1], [2 x1, 0]].
local f = function(x) return x[1] * x[1] * x[2] end
local gradient = function(x) return (borel.grad(f, x)) end
local x, v = array { 3, 5 }, array { 1, -2 }
close(select(2, borel.jvp(gradient, { x }, { v })), { 10 - 12, 6 }, "forward over reverse")
close(borel.grad(function(z) return (gradient(z) * v):sum() end, x), { -2, 6 }, "reverse over reverse")

-- Through a scan: s_T = a^T s, and through a choice.
local power = function(a) return (borel.scan(function(s) return s * a end, 1, 5)) end
close(select(2, borel.jvp(power, { 2 }, { 1 })), 80, "scan")
close(select(2, borel.jvp(function(a) return borel.grad(power, a) end, { 2 }, { 1 })), 160, "second derivative of a scan")
local choose = function(a)
  return borel.cond(borel.gt(a, 1), function() return a * a end, function() return borel.log(a) end)
end
close(select(2, borel.jvp(choose, { 3 }, { 1 })), 6, "one branch")
close(select(2, borel.jvp(choose, { 0.5 }, { 1 })), 2, "the other branch")

-- A maximum in several places, as when rows repeat, counts once.
local repeated = function(a) return borel.maximum(a[array { 1, 2, 2, 3, 3 }]) end
close(borel.grad(repeated, array { 1, 5, 2 }), { 0, 1, 0 }, "maximum of repeated rows")
close(select(2, borel.jvp(repeated, { array { 1, 5, 2 } }, { array { 7, 3, 9 } })), 3, "and its tangent")

-- ---- in a model ---------------------------------------------------------------------------------------------

-- A density that is stationary under a Langevin step of its own: only that derivatives are values like others.
local m = borel.model(function()
  local z = sample("z", dist.normal(0, 1):iid(3))
  local drift = borel.grad(function(q) return -0.5 * (q * q):sum() end, z)
  local _, curved = borel.jvp(function(q) return borel.grad(function(p) return (p * p * p):sum() end, q) end, { z }, { drift })
  factor("drift", -(drift * drift):sum())
  factor("curvature", borel.sin(curved):sum())
end)
borel.check(m) -- the graph agrees with the plain function at three points

-- ---- refusals -----------------------------------------------------------------------------------------------

fails("must return a number, not an array of shape %[2%]", borel.grad, function(a) return a end, array { 1, 2 })
fails("the function returns nothing", borel.grad, function() end, 1)
fails("first argument must be a function", borel.grad, 1, 2)
fails("1 to 32 arguments, got 0", borel.grad, function() return 1 end)
fails("argument 1 is a string", borel.grad, function(a) return a end, "x")
fails("2 arguments and 1 tangents", borel.jvp, function(a) return a end, { 1, 2 }, { 1 })
fails("argument 1 has shape %[2%] but its tangent has shape %[%]", borel.jvp, function(a) return a end, { array { 1, 2 } }, { 1 })
fails("derivative_test.lua:%d+: oh", borel.grad, function() error "oh" end, 1)
fails("trigamma", borel.grad, function(a) return borel.grad(function(b) return borel.grad(borel.digamma, b) end, a) end, 1.5)
