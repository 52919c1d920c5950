-- SPDX-License-Identifier: MIT
-- Vectors and matrices as unknowns, by NUTS: moments that are known, within 5 Monte Carlo standard errors. The trace
-- check has compared graph and plain functions before each run.
local borel = require "borel"
local session = require "borel.session"
local dist, sample, observe, deterministic = borel.dist, borel.sample, borel.observe, borel.deterministic
session.quiet = true
local folder = os.tmpname()
os.remove(folder)
local runs = 0

-- `want` = { ["name[1]"] = mean }; every one of them must be there.
local function expect(fn, want, options)
  runs = runs + 1
  options = options or {}
  options.seed, options.out, options.draws = 7, ("%s/%d"):format(folder, runs), 1500
  local fit = borel.infer(borel.model(fn), options)
  for _, row in ipairs(fit:rows()) do
    local mean = want[row.name]
    want[row.name] = nil
    if mean and math.abs(row.mean - mean) > 5 * row.mcse_mean then
      error(("%s: mean %g, not %g (MCSE %g)"):format(row.name, row.mean, mean, row.mcse_mean), 2)
    end
  end
  if next(want) then error("no value " .. next(want), 2) end
  return fit
end

-- Dirichlet (1, 2, 3) after counts (4, 0, 2): Dirichlet (5, 2, 5); the same by the trials that these sum up.
expect(function(data)
  local p = sample("p", dist.dirichlet { 1, 2, 3 })
  observe("y", dist.multinomial(6, p), data.y)
  local q = sample("q", dist.dirichlet { { 1, 2, 3 }, { 1, 1, 1 } }) -- Dirichlet (1, 1, 1): after 6 of kind 2, (1, 7, 1)
  observe("z", dist.multinomial(6, q), data.z)
end, { ["p[1]"] = 5 / 12, ["p[2]"] = 2 / 12, ["p[3]"] = 5 / 12, ["q[1,1]"] = 5 / 12, ["q[2,2]"] = 7 / 9 },
  { data = { y = borel.array { 4, 0, 2 }, z = borel.array { { 4, 0, 2 }, { 0, 6, 0 } } } })

-- A normal mean with a normal prior, three observations of a known covariance. Posterior precision I + 3 S^-1, with
-- S = {{2, 1}, {1, 2}}, S^-1 = {{2, -1}, {-1, 2}} / 3: {{3, -1}, {-1, 3}}; mean = its inverse times S^-1 sum(y), with
-- sum(y) = (6, 3): S^-1 sum(y) = (3, 0); inverse {{3, 1}, {1, 3}} / 8: (9/8, 3/8), variances 3/8, covariance 1/8.
expect(function(data)
  local m = sample("m", dist.multi_normal({ 0, 0 }, { { 1, 0 }, { 0, 1 } }))
  observe("y", dist.multi_normal(m, data.S):iid(3), data.y)
  deterministic("square", (m[1] - 9 / 8) ^ 2)
  deterministic("product", (m[1] - 9 / 8) * (m[2] - 3 / 8))
end, { ["m[1]"] = 9 / 8, ["m[2]"] = 3 / 8, square = 3 / 8, product = 1 / 8 },
  { data = { S = borel.array { { 2, 1 }, { 1, 2 } }, y = borel.array { { 1, 2 }, { 3, 0 }, { 2, 1 } } } })

-- Priors alone. Wishart: nu S; inverse Wishart: S / (nu - 3); LKJ: E r^2 = 1 / (2 b + 1), b = eta - 1 + n / 2.
expect(function()
  local S = borel.array { { 2, 0.5 }, { 0.5, 1 } }
  sample("W", dist.wishart(6, S))
  sample("V", dist.inverse_wishart(9, S))
  local R = sample("R", dist.lkj(3, 2))
  deterministic("r_square", R[{ 3, 2 }] ^ 2)
  local L = sample("L", dist.lkj_cholesky(3, 2))
  local C = borel.matmul(L, L:t())
  deterministic("l_square", C[{ 3, 2 }] ^ 2)
end, { ["W[1,1]"] = 12, ["W[1,2]"] = 3, ["W[2,2]"] = 6, ["V[1,1]"] = 2 / 6, ["V[2,1]"] = 0.5 / 6, ["V[2,2]"] = 1 / 6,
  r_square = 1 / 6, l_square = 1 / 6 })

-- Series: last of a random walk 1 + 3 drift, variance 3 sigma^2; AR(1) variance sigma^2 / (1 - phi^2), covariance phi
-- times that; a sum-to-zero vector of 4: 3/4 sigma^2. A process with covariance K at two points, the first observed as
-- 1.3 with noise 0.5: mean K_21 / (K_11 + 0.25) 1.3. The t of 5 degrees has covariance 5/3 S.
expect(function()
  local w = sample("w", dist.gaussian_random_walk(3, 1, 0.5, 2))
  deterministic("w_square", (w[3] - 2.5) ^ 2)
  local a = sample("a", dist.ar(5, { 0.6 }, 1, 1))
  deterministic("a_square", (a[5] - 1) ^ 2)
  deterministic("a_product", (a[5] - 1) * (a[4] - 1))
  local z = sample("z", dist.zero_sum_normal(4, 2))
  deterministic("z_square", z[4] ^ 2)
  local f = sample("f", dist.gaussian_process(0, { { 1, 0.8 }, { 0.8, 1 } }))
  observe("y", dist.normal(f[1], 0.5), 1.3)
  local t = sample("t", dist.multi_student_t(9, { 1, 2 }, { { 2, 1 }, { 1, 1 } }))
  deterministic("t_product", (t[1] - 1) * (t[2] - 2))
end, { ["w[3]"] = 2.5, w_square = 12, ["a[1]"] = 1, a_square = 1 / 0.64, a_product = 0.6 / 0.64, z_square = 3, ["f[2]"] = 1.04 / 1.25,
  ["t[2]"] = 2, t_product = 9 / 7 })

-- A hierarchy of correlated pairs: what it is used for. Scales and correlation recovered from 200 pairs, drawn here with
-- scales 1 and 2 and correlation 0.7; posterior standard deviations are some 0.05, 0.1 and 0.036.
do
  local core = require "borel.core"
  local choice = core.philox(core.stream_key(1, "test", "pairs"), 0)
  local rows = {}
  for i = 1, 200 do
    local x, y = choice:normal(), choice:normal()
    rows[i] = { x, 2 * (0.7 * x + math.sqrt(1 - 0.49) * y) }
  end
  local fit = expect(function(data)
    local L = sample("L", dist.lkj_cholesky(2, 1))
    local scale = sample("scale", dist.half_normal(3):iid(2))
    observe("y", dist.multi_normal_cholesky({ 0, 0 }, borel.matmul(borel.diag(scale), L)):iid(200), data.y)
  end, {}, { data = { y = borel.array(rows) } })
  local truth = { ["scale[1]"] = { 1, 0.05 }, ["scale[2]"] = { 2, 0.1 }, ["L[2,1]"] = { 0.7, 0.036 } }
  for _, row in ipairs(fit:rows()) do
    local t = truth[row.name]
    if t then assert(math.abs(row.mean - t[1]) < 5 * t[2] and math.abs(row.sd / t[2] - 1) < 0.3, row.name) end
  end
  for _, problem in ipairs(fit.problems) do assert(problem.kind ~= "stuck", problem.text) end -- L[1,1] is 1 by nature
end

-- The constants of a support are declared, each of them, so an element that does not move is told from them. The manifest
-- holds them for `borel.open`.
do
  local function stuck(fit)
    for _, problem in ipairs(fit.problems) do
      if problem.kind == "stuck" then return problem.text end
    end
  end
  local K = 3
  local fit = borel.infer(borel.model(function()
    sample("Omega", dist.lkj(K, 2):iid(2))
    sample("L", dist.lkj_cholesky(K, 2))
    sample("T", dist.wishart_cholesky(5, borel.array { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }))
    sample("S", dist.wishart(5, borel.array { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }))
    sample("p", dist.dirichlet { 1, 1, 1 })
  end), { seed = 1, draws = 100, warmup = 100, chains = 2, out = folder .. "/constants" })
  assert(not stuck(fit), stuck(fit))
  local still = 0
  for _, row in ipairs(fit:rows()) do still = still + (row.sd == 0 and 1 or 0) end
  assert(still == 2 * K + (3 + 1) + 3, still) -- diagonals; the triangle and L[1,1]; the triangle
  assert(not stuck(borel.open(fit.directory)))

  -- A pair of which one element is nailed by a factor: others of its site move, which once excused it.
  fit = borel.infer(borel.model(function()
    local z = sample("z", dist.bernoulli(0.5):iid(3))
    borel.factor(borel.where(z[2]:eq(1), 0, -math.huge))
  end), { seed = 1, draws = 200, warmup = 10, chains = 2, out = folder .. "/nailed" })
  assert(stuck(fit) == "never moved: z[2]", fit:verdict())
  -- A site that can only be what it is never counts.
  fit = borel.infer(borel.model(function()
    sample("one", dist.discrete_uniform(4, 4))
    sample("z", dist.bernoulli(0.5))
  end), { seed = 1, draws = 200, warmup = 10, chains = 2, out = folder .. "/one" })
  assert(not stuck(fit), stuck(fit))
  -- Coordinates of a density plugin are unknowns like others.
  local stay = borel.component { kind = "kernel", name = "stay", step = function() end }
  fit = borel.infer(borel.density("gaussian", { mean = { 1, -2 }, sd = { 0.5, 3 } }),
    { kernel = stay, seed = 1, draws = 20, warmup = 10, chains = 1, out = folder .. "/stay" })
  assert(stuck(fit) == "never moved: x[1], x[2]", fit:verdict())
end

-- What cannot move is said, also of the sites of a loop: neither of two equal coins can change alone.
do
  local fit = borel.infer(borel.model(function()
    local z = {}
    for i = 1, 2 do z[i] = sample({ "z", i }, dist.bernoulli(0.5)) end
    borel.factor(borel.where(z[1]:eq(z[2]), 0, -math.huge))
  end), { seed = 1, chains = 1, draws = 100, warmup = 10, out = folder .. "/stuck" })
  assert(not fit.reliable and fit.problems[1].text == "never moved: z[1], z[2]", fit:verdict())
end

-- A smooth process loses most digits to rounding, and the trace check knows it; a difference that is none of rounding it
-- still finds.
do
  local N, off = 60, 1
  local x = borel.range(1, N) * 0.1
  local process = borel.model(function()
    local K = borel.kernels.squared_exponential(x, { length = sample("length", dist.half_normal(3)) })
    sample("f", dist.gaussian_process(0, K))
  end)
  assert(#borel.check(process).terms == 2)
  local changing = borel.model(function()
    local K = borel.kernels.squared_exponential(x, { length = sample("length", dist.half_normal(3)) })
    local z = borel.solve_triangular(borel.cholesky(K + borel.diag(borel.ones(N)) * 1e-9), borel.sin(x))
    borel.factor("drift", off - borel.sum(z * z))
    off = 1.1 * off -- other in every plain run than in the trace
  end)
  local ok, message = pcall(borel.check, changing)
  assert(not ok and message:find("drift", 1, true), message)
end

-- Chains on two threads call LAPACK at once: the same bits as one after the other, and as the interpreter.
do
  local bits = {}
  for i, o in ipairs { { threads = 1 }, { threads = 2 }, { threads = 1, engine = "interpreter" } } do
    o.chains, o.draws, o.warmup, o.seed, o.out = 4, 30, 30, 11, ("%s/threads%d"):format(folder, i)
    local fit = borel.infer(borel.model(function()
      local length = sample("length", dist.half_normal(1))
      local K = borel.kernels.matern32(borel.range(1, 24) * 0.5, { length = length })
      sample("f", dist.gaussian_process(0, K, 1e-6))
    end), o)
    bits[i] = fit:draws "f"
  end
  assert(borel.maximum(borel.abs(bits[2] - bits[1])) == 0, "threads")
  assert(borel.maximum(borel.abs(bits[3] - bits[1])) == 0, "engines")
end

-- What a run says when a covariance matrix cannot be one anywhere near the start.
local ok, message = pcall(borel.infer, borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  sample("y", dist.multi_normal(borel.stack { x, x }, borel.stack { 1, 2, 2, x * x - 9 }:reshape { 2, 2 }))
end), { seed = 1, out = folder .. "/none", draws = 10, warmup = 10 })
assert(not ok and tostring(message):find("y (", 1, true) and message:find "not finite", tostring(message))
os.execute("rm -rf '" .. folder .. "'")
