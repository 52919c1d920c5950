-- SPDX-License-Identifier: MIT
-- Matrices in the language: identities on arrays, errors, and the same inside a model.
local borel = require "borel"
local session = require "borel.session"
local dist, sample, factor, deterministic = borel.dist, borel.sample, borel.factor, borel.deterministic
session.quiet = true
local folder = os.tmpname()
os.remove(folder)

local function close(got, want, tolerance, what)
  local off = borel.maximum(borel.abs(got - want))
  if off > tolerance or off ~= off then error(("%s: off by %g"):format(what, off), 2) end
end

local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  if ok or not tostring(message):find(pattern, 1, true) then error("no error with '" .. pattern .. "': " .. tostring(message), 2) end
end

local a = borel.array { { 4, 2, 1 }, { 2, 5, 3 }, { 1, 3, 6 } } -- det = 67: 4 * 21 - 2 * 9 + 1
local L = borel.cholesky(a)

close(L, borel.array { { 2, 0, 0 }, { 1, 2, 0 }, { 0.5, 1.25, math.sqrt(6 - 0.25 - 1.5625) } }, 1e-15, "cholesky")
close(borel.matmul(L, L:t()), a, 1e-14, "L L'")
close(borel.matmul(a, borel.solve(a, { 1, 2, 3 })), borel.array { 1, 2, 3 }, 1e-14, "solve")
close(borel.matmul(L:t(), borel.solve_triangular(L, { 1, 2, 3 }, { transposed = true })), borel.array { 1, 2, 3 }, 1e-14, "transposed")
assert(math.abs(borel.logdet(a) - math.log(67)) < 1e-14)
assert(math.abs(borel.mahalanobis(a, { 1, 2, 3 }) - borel.dot({ 1, 2, 3 }, borel.solve(a, { 1, 2, 3 }))) < 1e-14)
local two = borel.array { { 1, 0 }, { 2, -1 }, { 3, 1 } }
close(borel.mahalanobis(a, two), borel.sum(two * borel.solve(a, two), 1), 1e-14, "mahalanobis of columns")
local skew = borel.array { { 0, 2, 1 }, { 3, 0, 1 }, { 1, 1, 1 } } -- det = 0 - 2 * (3 - 1) + 1 * 3 = -1
local size, sign = borel.slogdet(skew)
assert(math.abs(size) < 1e-14 and sign == -1)
local w, V = borel.eigh(a)
close(borel.matmul(V, borel.matmul(borel.diag(w), V:t())), a, 1e-13, "eigh")
assert(a:trace() == 15)
close(borel.outer({ 1, 2 }, { 3, 4, 5 }), borel.array { { 3, 4, 5 }, { 6, 8, 10 } }, 0, "outer")
close(borel.tril(a), borel.array { { 4, 0, 0 }, { 2, 5, 0 }, { 1, 3, 6 } }, 0, "tril")
close(borel.transpose { { 1, 2, 3 }, { 4, 5, 6 } }, borel.array { { 1, 4 }, { 2, 5 }, { 3, 6 } }, 0, "transpose")
close(borel.diag { 1, 2 }, borel.array { { 1, 0 }, { 0, 2 } }, 0, "diag")
close(a:diagonal(), borel.array { 4, 5, 6 }, 0, "diagonal")
local none = borel.cholesky { { 1, 2 }, { 2, 1 } }
assert(none[{ 1, 1 }] ~= none[{ 1, 1 }], "no factor")
for _, nothing in ipairs { borel.logdet { { 1, 2 }, { 2, 1 } }, borel.mahalanobis({ { 1, 2 }, { 2, 1 } }, { 1, 1 }) } do
  assert(nothing ~= nothing, "not positive definite")
end

raises("cholesky: needs a square matrix, got shape [1, 3]", borel.cholesky, { { 1, 2, 3 } })
raises("cholesky: argument 1 must be a matrix, got a number", borel.cholesky, 2)
raises("cholesky: argument 1 must be a matrix, its shape is [2]", borel.cholesky, { 1, 2 })
raises("solve: the right side has shape [2]; a vector of 3 elements", borel.solve, a, { 1, 2 })
raises("the right side has shape [2]; a vector of 3 elements", borel.mahalanobis, a, { 1, 2 })
raises("mahalanobis: needs a square matrix, got shape [1, 3]", borel.mahalanobis, { { 1, 2, 3 } }, { 1 })
raises("transposed", borel.solve_triangular, L, { 1, 2, 3 }, { transpose = true })
raises("option 'transposed' must be true or false, got a string", borel.solve, a, { 1, 2, 3 }, { transposed = "yes" })
raises("a matrix of shape [40000, 40000] has more than 67108864 elements", borel.diag, borel.zeros(40000))
assert(borel.transpose(a:gt(2)).dtype == "bool")
raises("diag: argument 1 must be a vector, its shape is [3, 3]", borel.diag, a)

-- In a model: a Gaussian by hand, whose log-density two routes give alike; the trace check compares them with plain
-- numbers before the run, and where a matrix is not positive definite the point is refused.
local model = borel.model(function()
  local x = sample("x", dist.normal(0, 1):iid(3))
  local rho = sample("rho", dist.uniform(-1, 1))
  local sigma = borel.stack { 1, rho, rho, 1 }:reshape { 2, 2 }
  local y = borel.stack { x[1], x[2] }
  local z = borel.solve_triangular(borel.cholesky(sigma), y)
  factor(-0.5 * borel.dot(z, z) - 0.5 * borel.logdet(sigma))
  local log_det, one = borel.slogdet(sigma)
  deterministic("difference", borel.dot(z, z) + borel.logdet(sigma) - borel.dot(y, borel.solve(sigma, y)) - log_det)
  deterministic("distance", borel.mahalanobis(sigma, y) - borel.dot(z, z))
  deterministic("sign", one)
  local values, vectors = borel.eigh(sigma)
  deterministic("back", borel.matmul(vectors, borel.matmul(borel.diag(values), vectors:t())) - sigma)
end)
local fit = borel.infer(model, { chains = 2, draws = 200, warmup = 200, seed = 3, out = folder, threads = 1 })
close(fit:draws "difference", 0, 1e-9, "two routes") -- the worst rho of 400 draws is some 1e-4 from 1
close(fit:draws "distance", 0, 1e-9, "mahalanobis in a model")
close(fit:draws "back", 0, 1e-14, "eigh in a model")
close(fit:draws "sign", 1, 0, "sign")

-- A Kalman filter as a scan with linear algebra in its body: level and slope, both seen with noise. The sum of its
-- predictive log-densities is the log-density of the joint normal law of all that is seen.
local T = 6
local F, Q0, I = borel.array { { 1, 1 }, { 0, 1 } }, borel.array { { 0.3, 0.1 }, { 0.1, 0.2 } }, borel.diag { 1, 1 }
local seen = borel.sin(borel.range(1, 2 * T)):reshape { T, 2 } * 2

local function filter(q, r)
  local _, terms = borel.scan(function(state, y)
    local m, P = borel.matmul(F, state[1]), borel.matmul(borel.matmul(F, state[2]), F:t()) + q * Q0
    local factor_S = borel.cholesky(P + r * I)
    local z, W = borel.solve_triangular(factor_S, y - m), borel.solve_triangular(factor_S, P)
    local lp = -0.5 * borel.sum(z * z) - borel.sum(borel.log(factor_S:diagonal())) - math.log(2 * math.pi)
    return { m + borel.matmul(W:t(), z), P - borel.matmul(W:t(), W) }, lp
  end, { borel.zeros(2), I }, seen)
  return borel.sum(terms)
end

local function joint(q, r)
  local law, rows = I, {}
  for k = 1, 2 * T do rows[k] = {} end
  for s = 1, T do
    law = borel.matmul(borel.matmul(F, law), F:t()) + q * Q0
    local C = law -- of the state at t with that at s
    for t = s, T do
      for i = 1, 2 do
        for j = 1, 2 do
          local value = C[{ i, j }] + (t == s and i == j and r or 0)
          rows[2 * t - 2 + i][2 * s - 2 + j], rows[2 * s - 2 + j][2 * t - 2 + i] = value, value
        end
      end
      C = borel.matmul(F, C)
    end
  end
  return dist.multi_normal(borel.zeros(2 * T), rows):logdensity(seen:reshape { 2 * T })
end

assert(math.abs(filter(0.7, 0.4) - joint(0.7, 0.4)) < 1e-12)
for _, engine in ipairs { "interpreter", "native" } do
  local traced = borel.model(function()
    local u = sample("u", dist.flat():iid(2))
    factor(filter(u[1], u[2]))
  end):trace(nil, engine)
  local value, gradient = traced.target:evaluate({ 0.7, 0.4 }, {})
  assert(math.abs(value - joint(0.7, 0.4)) < 1e-12)
  local h = 1e-5 -- central differences: h^2 / 6 times the third derivative and eps / h are below 1e-8
  local slopes = { (joint(0.7 + h, 0.4) - joint(0.7 - h, 0.4)) / (2 * h), (joint(0.7, 0.4 + h) - joint(0.7, 0.4 - h)) / (2 * h) }
  for k = 1, 2 do assert(math.abs(gradient[k] - slopes[k]) < 1e-7, ("%s: %g, %g"):format(engine, gradient[k], slopes[k])) end
end
os.execute("rm -rf '" .. folder .. "'")
