-- SPDX-License-Identifier: MIT
-- Scores whose truth is known: mixtures against their densities, derivatives, parametrisations, superpositions, posteriors.
local diffusion = borel.diffusion
local score, process = diffusion.score, diffusion.process
local array, eps = borel.array, 2.220446049250313e-16

local function distance(a, b) return borel.maximum(borel.abs(a - b)) end

local function close(got, want, tolerance, what)
  local off = distance(got, want)
  if off > tolerance or off ~= off then error(("%s: off by %.3g, may be %.3g"):format(what, off, tolerance), 2) end
end

local function identical(a, b, what)
  assert(a.size == b.size, what)
  a, b = a:reshape { a.size }, b:reshape { b.size }
  for i = 1, a.size do
    if a[i] ~= b[i] then error(("%s: %.17g and %.17g at %d"):format(what, a[i], b[i], i), 2) end
  end
end

local function refuses(pattern, f, ...)
  local ok, message = pcall(f, ...)
  if ok or not tostring(message):find(pattern, 1, true) then
    error(("expected '%s', got: %s"):format(pattern, ok and "no error" or tostring(message)), 2)
  end
end

-- Numbers in [-1, 1) that are the same everywhere.
local state = 7
local function any()
  state = state * 6364136223846793005 + 1442695040888963407
  return ((state >> 11) & 0xfffffffffffff) / 0x8000000000000 - 1
end
local function matrix(n, D)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for d = 1, D do rows[i][d] = any() end
  end
  return array(rows)
end

-- ---- mixtures against their densities -------------------------------------------------------------------------

local m3 = { dimension = 2, weights = { .3, .5, .2 }, means = { 1, .5, -.8, .3, .2, -1.1 }, sd = { .25, .35, .2 } }

-- K components of D dimensions with full covariances.
local function full(K, D)
  local weights, means, covariances = {}, matrix(K, D), {}
  for k = 1, K do
    weights[k] = 1.2 + any()
    local root = matrix(D, D)
    covariances[k] = borel.matmul(root, root:t()) * 0.3 + borel.diag(borel.ones(D)) * 0.05
  end
  return { dimension = D, weights = weights, means = means, covariances = borel.stack(covariances) }
end

local five = full(3, 5)
local processes = { process.vp {}, process.sub_vp {}, process.ve {}, process.edm {}, process.interpolant {},
  process.interpolant { schedule = "trigonometric" }, process.mean_reverting {}, process.vp { schedule = "cosine" } }

for _, given in ipairs { m3, five } do
  local plugin, law, n = score.gaussian_mixture(given), diffusion.mixture(given), 13
  local x, dx, dlevel = 1.5 * matrix(n, given.dimension), matrix(n, given.dimension), matrix(n, 2)
  for _, lambda in ipairs { -3, -1, 0, 1, 3 } do
    local p = processes[1]
    local level, at = p:level { lambda = lambda }, { lambda = lambda }
    local function x0(v, a, s) return law:x0(v, borel.exp(a), borel.exp(s)) end
    local x0_at = function(v) return x0(v, level.ln_alpha, level.ln_sigma) end

    -- The plugin against operations of arrays, and both against the gradient of the log-density (Tweedie). The sums have
    -- 3 terms of 5 x 5 products of numbers below 10: 1000 roundings.
    local bound = 1000 * eps
    close(plugin:predict(p, x, at), x0_at(x), bound, "x0")
    close(plugin:logdensity(p, x, at), law:logdensity(x, level.alpha, level.sigma), bound * 10, "logdensity")
    local gradient = borel.grad(function(v) return law:logdensity(v, level.alpha, level.sigma):sum() end, x)
    close((x + level.sigma ^ 2 * gradient) / level.alpha, x0_at(x), bound / level.alpha, "Tweedie")
    close(plugin:predict(p, x, at, "noise"), -level.sigma * gradient, bound / level.sigma, "eps")

    -- Derivatives against those of the array operations: slopes are as large as alpha / sigma^2.
    bound = bound * (1 + 1 / level.sigma ^ 2)
    local _, along = borel.jvp(x0_at, { x }, { dx })
    close(plugin:jvp(p, x, at, dx), along, bound, "jvp")
    close(plugin:vjp(p, x, at, dx), borel.grad(function(v) return (x0_at(v) * dx):sum() end, x), bound, "vjp")
    local diagonal = plugin:diagonal(p, x, at):t()
    for d = 1, given.dimension do
      local unit = borel.diag(borel.ones(given.dimension))[d] + borel.zeros { n, given.dimension }
      local _, column = borel.jvp(x0_at, { x }, { unit })
      close(diagonal[d], column:t()[d], bound, "diagonal")
    end
    -- Each row along a level of its own.
    local rows = dlevel:t()
    local level_along = {}
    for i = 1, n do
      local _, one = borel.jvp(x0, { x[i], level.ln_alpha, level.ln_sigma }, { dx[i], rows[1][i], rows[2][i] })
      level_along[i] = one
    end
    close(plugin:jvp(p, x, at, dx, { dlevel = dlevel }), borel.stack(level_along, { axis = 1 }), bound, "jvp with levels")

    -- Central differences, with an error of h^2 J''' / 6 + eps / h: h = 1e-5, J''' up to about 1 / sigma^4.
    local h = 1e-5
    local difference = (plugin:predict(p, x + h * dx, at) - plugin:predict(p, x - h * dx, at)) / (2 * h)
    close(plugin:jvp(p, x, at, dx), difference, 1e-9 * (1 + 0.1 / level.sigma ^ 4), "central differences")
  end
end

-- A shift: y = x - (1 - alpha) mu has the law of the data under the process; predictions are less mu.
do
  local p, mu = process.mean_reverting {}, array { .5, .4 }
  local s_given = { dimension = 2, weights = { .6, .4 }, means = { .2, .7, .8, .3 }, sd = { .1, .07 } }
  local plugin, law, x, level = score.gaussian_mixture(s_given), diffusion.mixture(s_given), 0.4 * matrix(9, 2), p:level { t = 30 }
  local want = law:x0(x + mu - (1 - level.alpha) * mu, level.alpha, level.sigma) - mu
  close(plugin:predict(p, x, { t = 30 }, "data", { shift = mu }), want, 100 * eps, "shift")
  -- With a shift the level moves y, too: differences of the native answer, at x with the shift, along ln alpha.
  local h, row = 1e-5, { level.t, level.lambda, level.ln_alpha, level.ln_sigma }
  local function native(by) return law:x0(x + mu - (1 - math.exp(level.ln_alpha + by)) * mu, math.exp(level.ln_alpha + by), level.sigma) end
  local along = plugin:jvp(p, x + mu, row, borel.zeros { 9, 2 }, { shift = mu, dlevel = borel.ones { 9, 1 } * array { 1, 0 } })
  close(along, (native(h) - native(-h)) / (2 * h), 1e-8, "shift along ln alpha")
end

-- ---- rows and threads ---------------------------------------------------------------------------------------------

do
  local scores = { score.gaussian_mixture(m3), score.gaussian_mixture(five), score.gaussian_mixture(full(2, 16)),
    score.gaussian_mixture { dimension = 2, means = m3.means, sd = m3.sd, degrees = 3 },
    score.kernel_mixture { dimension = 2, data = matrix(150, 2) },
    score.kernel_mixture { dimension = 2, data = matrix(70, 2), degrees = 3 } }
  for i, one in ipairs(scores) do
    local D = one.object:describe().dimension
    local x, p, rows = matrix(64, D), processes[1], {}
    for b = 1, 64 do
      local level = p:level { lambda = -2 + b / 16 }
      rows[b] = { level.t, level.lambda, level.ln_alpha, level.ln_sigma }
    end
    local whole, each = one:predict(p, x, { lambda = 0.5 }), one:predict(p, x, array(rows))
    local density = one:logdensity(p, x, { lambda = 0.5 })
    for first = 1, 64, 7 do
      local last = math.min(first + 6, 64)
      identical(one:predict(p, x:slice(first, last), { lambda = 0.5 }), whole:slice(first, last), "seven rows, score " .. i)
    end
    for b = 1, 64, 9 do
      identical(one:predict(p, x:slice(b, b), { lambda = 0.5 }), whole:slice(b, b), "one row, score " .. i)
      identical(one:predict(p, x:slice(b, b), { lambda = -2 + b / 16 }), each:slice(b, b), "a level of its own, score " .. i)
      identical(one:logdensity(p, x:slice(b, b), { lambda = 0.5 }), density:slice(b, b), "logdensity, score " .. i)
    end
    local function run(options)
      return borel.simulate(diffusion.reverse { process = p, score = one, solver = diffusion.solver.ddim {},
        grid = diffusion.grid.lambda { n = 3, t_end = 1e-3 } }, options).x
    end
    local all = run { draws = 64, threads = 1 }
    identical(run { draws = 64, threads = 2 }, all, "two threads, score " .. i)
    identical(run { draws = 7, first = 30 }, all:slice(30, 36), "seven samples, score " .. i)
  end
  local plugin, dx, x = scores[2], matrix(64, 5), matrix(64, 5)
  local whole = plugin:jvp(processes[1], x, { lambda = 1 }, dx)
  identical(plugin:jvp(processes[1], x:slice(5, 5), { lambda = 1 }, dx:slice(5, 5)), whole:slice(5, 5), "jvp of a row")
  identical(plugin:diagonal(processes[1], x:slice(5, 5), { lambda = 1 }),
    plugin:diagonal(processes[1], x, { lambda = 1 }):slice(5, 5), "diagonal")
end

-- ---- Student noise --------------------------------------------------------------------------------------------------

do
  local edm, points, weights = process.edm {}, array { { .5, .2 }, { -1, .4 }, { .3, -.8 } }, { 1, 2, 3 }
  local x = array { { .1, .2 }, { 3, -4 }, { -100, 1000 }, { 1e5, 1 }, { .5, .2 } }
  for _, degrees in ipairs { .5, 1, 2, 3, 8, 64, 2048 } do
    local exact = score.kernel_mixture { dimension = 2, data = points, weights = weights, degrees = degrees }
    local scale = score.gaussian_mixture { dimension = 2, means = points, weights = weights, sd = { 0, 0, 0 }, degrees = degrees }
    for _, t in ipairs { .1, 1, 30 } do
      -- Two formulas: the kernel in closed form, and the integral over variances, whose sums have up to 1000 terms with
      -- logarithms of a size of up to degrees.
      local bound = eps * (200 + 2 * degrees)
      local a, b = exact:logdensity(edm, x, { t = t }), scale:logdensity(edm, x, { t = t })
      close(exact:predict(edm, x, { t = t }), scale:predict(edm, x, { t = t }), bound, "Student x0, degrees " .. degrees)
      close(a / (1 + borel.abs(a)), b / (1 + borel.abs(a)), bound, "Student logdensity, degrees " .. degrees)
      -- By hand, at one of the rows.
      local total, part = 0, 0
      for i = 1, 3 do
        local q = (x[2][1] - points[i][1]) ^ 2 + (x[2][2] - points[i][2]) ^ 2
        local k = weights[i] * (1 + q / (degrees * t * t)) ^ (-(degrees + 2) / 2)
        total, part = total + k, part + k * points[i][2]
      end
      close(exact:predict(edm, x, { t = t })[2][2], part / total, bound, "by hand")
      -- Two dimensions: the constant of Student's law is 1 / (2 pi sigma^2) for every number of degrees.
      close(a[2], math.log(total / 6 / (2 * math.pi * t * t)), bound * (1 + math.abs(a[2])), "density by hand")
    end
  end
  -- One dimension, odd: Student's own constant.
  local one = score.kernel_mixture { dimension = 1, data = { .5 }, degrees = 3 }
  close(one:logdensity(edm, { { 1.2 } }, { t = .7 })[1], math.log(2 / (math.pi * math.sqrt(3) * (1 + 1 / 3) ^ 2) / .7), 1e-14,
    "t with 3 degrees")
  -- Many degrees are normal noise; both differ by (D + ...) / degrees.
  local normal, many = score.gaussian_mixture(five), {}
  for key, value in pairs(five) do many[key] = value end
  many.degrees = 1e9
  many = score.gaussian_mixture(many)
  local y = matrix(20, 5)
  for _, t in ipairs { .002, .1, 1, 20 } do
    close(many:predict(edm, y, { t = t }), normal:predict(edm, y, { t = t }), 1e-7, "many degrees")
    close(many:logdensity(edm, y, { t = t }), normal:logdensity(edm, y, { t = t }), 1e-7, "many degrees")
  end
  close(score.kernel_mixture { dimension = 2, data = points, degrees = 1e9 }:predict(edm, x, { t = .5 }),
    score.kernel_mixture { dimension = 2, data = points }:predict(edm, x, { t = .5 }), 1e-6, "a finite set, many degrees")
  -- Limits: the mean of the data far out, the nearest point near by; the only one always.
  local four = score.kernel_mixture { dimension = 2, data = points, degrees = 4 }
  close(four:predict(process.edm { sigma_max = 1e9 }, x:slice(1, 2), { t = 1e8 })[1], points:mean(1), 1e-12, "all noise")
  close(four:predict(edm, { { .29, -.81 } }, { t = .002 })[1], points[3], 1e-6, "little noise")
  close(score.kernel_mixture { dimension = 2, data = points[1], degrees = 4 }:predict(edm, x, { t = 1 }), points[1], 0, "one point")
  -- Mixture with spread under Student noise: Monte Carlo over x0 from the mixture, weighted by the kernel in closed form.
  local spread = score.gaussian_mixture { dimension = 1, weights = { 1, 2 }, means = { -1, .7 }, sd = { .3, .5 }, degrees = 2 }
  local fine, logs, at = {}, {}, { t = .6 }
  for i = -6000, 7000 do -- the trapezoidal rule over x0, smooth and falling: exact to rounding
    local v = i / 1000
    fine[#fine + 1] = v
    logs[#logs + 1] = math.exp(-(v + 1) ^ 2 / .18) / .3 + 2 * math.exp(-(v - .7) ^ 2 / .5) / .5
  end
  local dense = score.kernel_mixture { dimension = 1, data = fine, weights = logs, degrees = 2 }
  local z = array { { -3 }, { -.2 }, { .4 }, { 6 } }
  close(spread:predict(edm, z, at), dense:predict(edm, z, at), 1e-10, "a mixture with spread")
  close(spread:logdensity(edm, z, at), dense:logdensity(edm, z, at), 1e-10, "its density")
  refuses("derivatives are there for normal noise alone", spread.jvp, spread, edm, z, at, z)
end

-- A finite set with normal noise is a mixture without spread.
do
  local data, x = matrix(150, 3), matrix(9, 3)
  local a, b = score.kernel_mixture { dimension = 3, data = data },
    score.gaussian_mixture { dimension = 3, means = data, sd = borel.zeros(150) }
  for _, lambda in ipairs { -2, 0, 2, 4 } do
    close(a:predict(processes[5], x, { lambda = lambda }), b:predict(processes[5], x, { lambda = lambda }), 1e-11, "points")
    close(a:logdensity(processes[5], x, { lambda = lambda }), b:logdensity(processes[5], x, { lambda = lambda }), 1e-10, "points")
  end
end

-- ---- parametrisations ------------------------------------------------------------------------------------------------

do
  local inner, x = score.gaussian_mixture(m3), matrix(8, 2)
  for _, p in ipairs(processes) do
    local shift = p.about.shifted and { shift = array { .3, -.2 } } or nil
    for _, lambda in ipairs { -3, 0, 2.5 } do
      local x0, noise = inner:predict(p, x, { lambda = lambda }, "data", shift), inner:predict(p, x, { lambda = lambda }, "noise", shift)
      for _, form in ipairs { "data", "noise", "score", "v", "velocity" } do
        local again = score.recast(inner, form)
        local what = ("%s as %s at %g"):format(p.name, form, lambda)
        close(again:predict(p, x, { lambda = lambda }, "data", shift), x0, 1e-12, what)
        close(again:predict(p, x, { lambda = lambda }, "noise", shift), noise, 1e-12, what)
      end
    end
  end
  -- Levels of rows.
  local p, rows = processes[1], {}
  for b = 1, 8 do
    local level = p:level { lambda = b / 2 - 2 }
    rows[b] = { level.t, level.lambda, level.ln_alpha, level.ln_sigma }
  end
  close(score.recast(inner, "v"):predict(p, x, array(rows)), inner:predict(p, x, array(rows)), 1e-12, "levels of rows")

  -- alpha = 0: an answer in noise does not tell x0, one in v does.
  local flow = process.interpolant {}
  local none = score.fn { predicts = "noise", fn = function(v) return v end }
  refuses("its prediction does not tell x0", none.predict, none, flow, x, { t = 1 }, "data")
  local velocity = score.fn { predicts = "velocity", fn = function(v) return v - .25 end } -- x0 = 1/4 for all
  close(velocity:predict(flow, x, { t = 1 }, "data"), .25 + 0 * x, 4 * eps, "no data at all")
end

-- What a score in Lua is given.
do
  local p, x, seen = processes[1], matrix(3, 2), nil
  local mine = score.fn { predicts = "noise", dimension = 2, label = "index", steps = 100, fn = function(v, level, call)
    seen = { v = v, level = level, call = call }
    return v * level.sigma
  end }
  close(mine:predict(p, x, { t = .25 }, "noise", { shift = { 1, 2 }, condition = { 7 } }),
    (x + array { 1, 2 }) * p:level { t = .25 }.sigma, 4 * eps, "with its shift")
  assert(seen.level.label == 24 and seen.level.t == .25 and seen.call.first == 1 and seen.call.condition[{ 1, 1 }] == 7)
  assert(seen.level.alpha == p:level { t = .25 }.alpha)
  refuses("unknown label 'indx'; did you mean 'index'?", score.fn, { fn = print, label = "indx" })
  refuses("must be one of data, noise", score.fn, { fn = print, predicts = "eps" })
  refuses("fn, the function that predicts, is needed", score.fn, {})
  local wrong = score.fn { fn = function() return borel.zeros { 2, 2 } end }
  refuses("predicts 2 rows for 3 samples", wrong.predict, wrong, p, x, { t = .5 })
  local broken = score.fn { fn = function() error "no such network" end }
  refuses("no such network", broken.predict, broken, p, x, { t = .5 })
end

-- ---- superpositions, posteriors ------------------------------------------------------------------------------------

do
  -- Three scores of one component each, mixed by density, are the mixture; so is a mixture of mixtures.
  local one, x = {}, 1.5 * matrix(20, 2)
  for k = 1, 3 do one[k] = score.normal { mean = { m3.means[2 * k - 1], m3.means[2 * k] }, sd = m3.sd[k] } end
  local whole, mixed = score.gaussian_mixture(m3), diffusion.guide.mixture { scores = one, weights = { 3, 5, 2 } }
  local nested = diffusion.guide.mixture { scores = { diffusion.guide.mixture { scores = { one[1], one[2] }, weights = { 3, 5 } }, one[3] },
    weights = { .8, .2 } }
  for _, p in ipairs(processes) do
    for _, lambda in ipairs { -2, 0, 2 } do
      local at, shift = { lambda = lambda }, p.about.shifted and { shift = array { .3, -.2 } } or nil
      for name, other in pairs { mixed = mixed, nested = nested } do
        close(other:predict(p, x, at, "data", shift), whole:predict(p, x, at, "data", shift), 1e-13, name)
        close(other:predict(p, x, at, "noise", shift), whole:predict(p, x, at, "noise", shift), 1e-12, name)
        close(other:logdensity(p, x, at, shift), whole:logdensity(p, x, at, shift), 1e-12, name)
      end
    end
  end
  local sum = diffusion.guide.sum { scores = one, weights = { 1, 1, 1 } }
  refuses("this score has no log-density", sum.logdensity, sum, processes[1], x, { t = .5 })
  local needs = diffusion.guide.mixture { scores = { one[1], sum } }
  refuses("score 2 of a mixture has no log-density", needs.predict, needs, processes[1], x, { t = .5 })
  local negative = diffusion.guide.mixture { scores = one, weights = { 1, -1, 1 } }
  refuses("weight 2 of a mixture is -1", negative.predict, negative, processes[1], x, { t = .5 })
end

do
  -- x0 ~ N(m, S): x0 given x is linear; and given y = H x0 + noise, the law of Bayes on a grid of one dimension more.
  local S, mean = array { { 1, .4 }, { .4, .5 } }, array { .3, -.2 }
  local p, x = processes[4], array { { .5, .1 }, { -1, 2 } }
  local level = p:level { t = .8 }
  local gain = borel.matmul(S, borel.solve(S + level.sigma ^ 2 * borel.diag { 1, 1 }, (x - mean):t())):t() + mean
  close(score.normal { mean = mean, covariance = S }:predict(p, x, { t = .8 }), gain, 20 * eps, "normal")
  -- Noise on x and y are two observations of x0: joint precision S^-1 + I / sigma^2 + H' H / r^2.
  local H, y, r = array { { 1, -2 } }, array { .7 }, .3
  local precision = borel.solve(S, borel.diag { 1, 1 }) + borel.diag { 1, 1 } / level.sigma ^ 2 + borel.matmul(H:t(), H) / r ^ 2
  local right = borel.solve(S, mean) + x / level.sigma ^ 2 + borel.matmul(H:t(), y) / r ^ 2
  local posterior = score.posterior { prior = { dimension = 2, means = mean, covariances = S }, matrix = H, y = y, noise = r }
  close(posterior:predict(p, x, { t = .8 }), borel.solve(precision, right:t()):t(), 1e-13, "posterior of a normal law")
  -- Of a mixture: prior weights times the densities of y.
  local given_y = require("borel.diffusion.mixture").posterior
  local of_m3 = diffusion.mixture(given_y { prior = m3, matrix = H, y = y, noise = array { { r * r } } })
  local total, w = 0, {}
  for k = 1, 3 do
    local off, v = .7 - (m3.means[2 * k - 1] - 2 * m3.means[2 * k]), 5 * m3.sd[k] ^ 2 + r * r
    w[k] = m3.weights[k] * math.exp(-off * off / (2 * v)) / math.sqrt(v)
    total = total + w[k]
  end
  for k = 1, 3 do close(of_m3.weights[k], w[k] / total, 1e-14, "weights given y") end
  refuses("score.posterior: needs y", score.posterior, { prior = m3, matrix = H, noise = 1 })
end

-- ---- a check of what a score says --------------------------------------------------------------------------------

do
  -- Data from M3 itself, so that the exact score is unbiased: its bias is the largest of three standard normals, beyond 4.5
  -- less often than once in 48000.
  local m = borel.model(function()
    local k = sample("k", dist.categorical(m3.weights))
    local centre = borel.stack { array { 1, -.8, .2 }[k], array { .5, .3, -1.1 }[k] }
    deterministic("x", centre + array { .25, .35, .2 }[k] * sample("z", dist.normal(borel.zeros(2), 1)))
  end)
  local data = borel.simulate(m, { draws = 1000, seed = 3 }):draws "x"
  data = data:reshape { data.size // 2, 2 }
  local inner = score.gaussian_mixture(m3)
  local forms = { "data", "noise", "score", "v", "velocity" }
  for _, p in ipairs { processes[1], processes[5] } do
    assert(diffusion.check(inner, p, data).fits)
    local predictor = inner:predictor(p)
    for i, form in ipairs(forms) do
      for j, taken in ipairs(forms) do
        local function answer(x, level)
          local at = p:level { t = level.t }
          local row = { at.t, at.lambda, at.ln_alpha, at.ln_sigma }
          local a, b = require("borel.diffusion.score").form(form, p, at)
          return a * predictor:predict(x, row, "data") + b * predictor:predict(x, row, "noise")
        end
        local found = diffusion.check(score.fn { predicts = taken, fn = answer }, p, data)
        assert(found.fits == (i == j) and found.readings[1].form == form, ("%s, %s for %s: %s"):format(p.name, taken, form, found.message))
        assert(i ~= j or found.bias < 4.5 and found.worst <= 1.05)
      end
    end
  end
  -- A network that was taught indices from 0, but is asked for times.
  local p = processes[1]
  local predictor = inner:predictor(p)
  local function taught(x, level)
    local at = p:level { t = (level.label + 1) / 1000 }
    return predictor:predict(x, { at.t, at.lambda, at.ln_alpha, at.ln_sigma }, "noise")
  end
  local found = diffusion.check(score.fn { predicts = "noise", label = "time", fn = taught }, p, data)
  assert(not found.fits and found.readings[1].fits and found.readings[1].form == "noise")
  assert(found.message:find "but fits as 'noise' with the label")
  local labels = {}
  for _, one in ipairs(found.readings) do labels[one.label] = labels[one.label] or one.form == "noise" and one.fits end
  assert(labels.index and not labels.time and not labels.lambda)
  assert(diffusion.check(score.fn { predicts = "noise", label = "index", fn = taught }, p, data).fits)
  local nothing = diffusion.check(score.fn { predicts = "noise", fn = function(x) return 3 * x:sin() end }, p, data)
  assert(not nothing.fits and nothing.message:find "fits in no way")
  refuses("the data do not vary", diffusion.check, inner, p, borel.zeros { 3, 2 })
end
