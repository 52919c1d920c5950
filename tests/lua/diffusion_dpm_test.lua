-- SPDX-License-Identifier: MIT
-- DPM-Solver and DPM-Solver++ without noise, and UniPC and SA-Solver where they have none: orders measured on M3, polynomials,
-- budgets, guidance, thresholds, what they refuse. With noise: diffusion_sde_test.lua.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
local tools = dofile(folder .. "diffusion_tools.lua")
local diffusion = tools.diffusion
local solver, grid = diffusion.solver, diffusion.grid
local run, near, between, refuses = tools.run, tools.near, tools.between, tools.refuses

-- ---- order 1 is DDIM, on any grid and process -------------------------------------------------------------------

local processes = { tools.vp, diffusion.process.vp { schedule = "cosine" }, diffusion.process.ve {}, diffusion.process.interpolant {} }
local first_order = { solver.dpm { order = 1 }, solver.dpmpp { order = 1 }, solver.dpm { order = 1, mode = "singlestep" },
  solver.dpm { order = 1, mode = "fast", outer = "grid" }, solver.dpmpp { order = 1, predict = "noise" },
  solver.unipc { order = 1, corrector_from = 0 }, solver.unipc { order = 1, corrector_from = 0, predict = "noise" },
  solver.sa { predictor = 1, corrector = 0, tau = 0 } }
for _, process in ipairs(processes) do
  for _, levels in ipairs { tools.grid(9, -3, 3), grid.karras { n = 9, lambda_start = -3, lambda_end = 3, clean = true },
    grid.time { n = 9, t_start = .9, t_end = .01 } } do
    local ddim = run(solver.ddim {}, levels, { process = process, draws = 32 }).x
    for i, one in ipairs(first_order) do
      local x = run(one, levels, { process = process, draws = 32 }).x
      near(tools.largest(x - ddim) / tools.largest(ddim), 0, 1e-12, ("order 1, solver %d, beside ddim"):format(i))
    end
  end
end

-- From noise alone (alpha = 0) to data: closed steps at both ends, and DDIM again in order 1.
do
  local flow = diffusion.process.interpolant {}
  local levels = grid.levels { t = { 1, .9, .7, .5, .3, .2, .1, 0 } }
  local ddim = run(solver.ddim {}, levels, { process = flow, draws = 32 }).x
  for i, one in ipairs(first_order) do
    if i ~= 4 then -- `fast` goes the same way too, but is compared above
      near(tools.largest(run(one, levels, { process = flow, draws = 32 }).x - ddim), 0, 1e-12, "order 1 from noise to data")
    end
  end
  for _, one in ipairs { solver.dpm { order = 3 }, solver.dpmpp { order = 2, mode = "singlestep" }, solver.unipc { order = 3 },
    solver.dpm { order = 3, mode = "fast" }, solver.sa { predictor = 3, corrector = 3, tau = 0 } } do
    local given = { process = flow, draws = 32 }
    local fine = run(solver.dpmpp { order = 2 }, grid.time { n = 1000 }, given).x
    between(tools.distance(run(one, grid.time { n = 300 }, given).x, fine), 0, .005, one.name .. " from noise to data")
  end
end

-- ---- orders -----------------------------------------------------------------------------------------------------

local ns = { 20, 40, 80, 160 }
local inner = run(solver.dpmpp { order = 3, mode = "singlestep" }, tools.grid(1280, -2, 2)).x
local wide = run(solver.dpmpp { order = 3, mode = "singlestep" }, tools.grid(1280, -5, 4)).x

-- Slopes at the last two doublings, within [low, high].
local function order(one, low, high, from, to)
  local errors, slopes = tools.slopes(one, from == -2 and inner or wide, ns, from, to)
  local text = ("%s from %g to %g: errors %.3g %.3g %.3g %.3g, slopes"):format(one.name, from, to, table.unpack(errors))
  for i = 2, 3 do between(slopes[i], low, high, text) end
  return errors
end

for _, name in ipairs { "dpm", "dpmpp" } do
  local make = solver[name]
  order(make { order = 1 }, .95, 1.1, -2, 2)
  for _, form in ipairs { "midpoint", "taylor" } do
    order(make { order = 2, form = form }, 1.85, 2.1, -2, 2)
    order(make { order = 2, mode = "singlestep", form = form }, 1.85, 2.1, -2, 2)
    order(make { order = 2, mode = "singlestep", form = form, r1 = .8 }, 1.85, 2.1, -2, 2)
    order(make { order = 3, mode = "singlestep", form = form }, 2.75, 3.1, -2, 2)
  end
  -- The first difference is exact for parabolas at r2 = 2/3 alone: elsewhere the order is 2.
  order(make { order = 3, mode = "singlestep", compat = "reference", r1 = .5, r2 = 1 }, 1.8, 2.2, -2, 2)
  order(make { order = 3, mode = "singlestep", form = "taylor", r1 = .5, r2 = 1 }, 1.8, 2.2, -2, 2)
  -- The second difference, whole and halved; where eps hardly changes at the start, and where it does.
  order(make { order = 3 }, name == "dpm" and 2.6 or 2.8, 3.3, -5, 4)
  order(make { order = 3, compat = "reference" }, 1.95, 2.4, -5, 4)
  order(make { order = 3, start = "singlestep" }, 2.7, 3.1, -2, 2)
  order(make { order = 3, compat = "reference", start = "singlestep" }, 1.95, 2.4, -2, 2)
end
for _, variant in ipairs { "bh1", "bh2", "vary" } do
  order(solver.unipc { order = 1, variant = variant }, 1.9, 2.1, -2, 2)
  order(solver.unipc { order = 2, variant = variant }, 2.7, 3.1, -2, 2)
  order(solver.unipc { order = 3, variant = variant }, 3.7, 4.4, -2, 2)
end
order(solver.unipc { order = 2, predict = "noise" }, 2.7, 3.1, -2, 2)
order(solver.unipc { order = 2, corrector_from = 0 }, 1.85, 2.1, -2, 2)
order(solver.unipc { order = 4 }, 3.7, 5.2, -5, 4)
order(solver.sa { predictor = 1, corrector = 2, tau = 0 }, 1.9, 2.1, -2, 2)
order(solver.sa { predictor = 2, corrector = 3, tau = 0 }, 2.7, 3.1, -2, 2)
order(solver.sa { predictor = 2, corrector = 3, tau = 0, mode = "pece" }, 2.7, 3.1, -2, 2)
order(solver.sa { predictor = 3, corrector = 0, tau = 0 }, 2.6, 3.2, -5, 4)

-- Claims are what is measured.
for _, claim in ipairs { { solver.dpm { order = 2 }, 2 }, { solver.dpm { order = 3 }, 2 },
  { solver.dpm { order = 3, start = "singlestep" }, 3 }, { solver.dpmpp { order = 3, mode = "singlestep" }, 3 },
  { solver.dpmpp { order = 3, mode = "singlestep", form = "taylor", r1 = .5, r2 = 1 }, 2 },
  { solver.unipc { order = 1 }, 2 }, { solver.unipc { order = 2 }, 3 }, { solver.unipc { order = 2, corrector_from = 0 }, 2 } } do
  near(claim[1].claims.order, claim[2], 0, "claimed order")
end

-- An independent solution: Runge-Kutta of the fourth order in lambda for z = x / alpha, dz / dlambda = -e^{-lambda} eps.
do
  local start = tools.normals(16, 2, 3)
  local function slope(z, lambda)
    local level = tools.vp:level { lambda = lambda }
    return -math.exp(-lambda) * tools.m3:predict(tools.vp, level.alpha * z, { lambda = lambda }, "noise")
  end
  local z, n, h = start / tools.vp:level { lambda = -2 }.alpha, 1000, 4 / 1000
  for i = 0, n - 1 do
    local l = -2 + i * h
    local a = slope(z, l)
    local b = slope(z + h / 2 * a, l + h / 2)
    local c = slope(z + h / 2 * b, l + h / 2)
    z = z + h / 6 * (a + 2 * b + 2 * c + slope(z + h * c, l + h))
  end
  local x = run(solver.dpm { order = 3, mode = "singlestep" }, tools.grid(640, -2, 2), { draws = 16, init = start }).x
  near(tools.largest(x - tools.vp:level { lambda = 2 }.alpha * z), 0, 1e-7, "third order beside Runge-Kutta")
end

-- And back: the way to more noise undoes it.
do
  local there = run(solver.dpm { order = 3, mode = "singlestep" }, tools.grid(80, -2, 2)).x
  local back = run(solver.dpm { order = 3, mode = "singlestep" }, tools.grid(80, 2, -2), { init = there }).x
  local start = run(solver.ddim {}, tools.grid(1, -2, -2 + 1e-13)).x
  near(tools.largest(back - start), 0, 1e-4, "there and back")
end

-- ---- what is followed exactly -----------------------------------------------------------------------------------

-- x0 or eps a polynomial in lambda: exact from step `from` on.
local function exact(one, prediction, degree, from)
  local c = { .3, degree > 0 and -.4 or 0, degree > 1 and .25 or 0 }
  local score = diffusion.score.fn { predicts = prediction, dimension = 1, fn = function(x, level)
    return 0 * x + (c[1] + c[2] * level.lambda + c[3] * level.lambda ^ 2)
  end }
  local levels = grid.karras { n = 16, lambda_start = -1, lambda_end = 2 }
  local out = run(one, levels, { score = score, draws = 1, trajectory = true })
  for i = from, 16 do
    local s, t = {}, {}
    for k, name in ipairs { "t", "lambda", "ln_alpha", "ln_sigma" } do
      s[name], t[name] = out.plan.levels[{ i, k }], out.plan.levels[{ i + 1, k }]
    end
    local x = tools.polynomial_step(c, prediction, s, t, out.trajectory[{ i, 1, 1 }])
    near(out.trajectory[{ i + 1, 1, 1 }], x, 1e-10, ("%s, degree %d of %s, step %d"):format(one.name, degree, prediction, i))
  end
end
local function inexact(...)
  assert(not pcall(exact, ...), "exact where it cannot be: the check sees nothing")
end
for _, m in ipairs { { "dpm", "noise" }, { "dpmpp", "data" }, { "dpmpp", "noise", { predict = "noise" } } } do
  local function make(given)
    for k, v in pairs(m[3] or {}) do given[k] = v end
    return solver[m[1]](given)
  end
  exact(make { order = 2, form = "taylor" }, m[2], 1, 2)
  exact(make { order = 2, form = "taylor", mode = "singlestep", r1 = .7 }, m[2], 1, 1)
  exact(make { order = 3 }, m[2], 2, 3)
  exact(make { order = 3, mode = "singlestep" }, m[2], 1, 1)
  exact(make { order = 3, mode = "singlestep", form = "taylor" }, m[2], 2, 1)
  inexact(make { order = 3, compat = "reference" }, m[2], 2, 3)
  inexact(make { order = 2 }, m[2], 1, 2)
end
for _, prediction in ipairs { "data", "noise" } do
  exact(solver.unipc { order = 2, variant = "vary", predict = prediction }, prediction, 1, 2)
  exact(solver.unipc { order = 3, predict = prediction }, prediction, 2, 3)
  exact(solver.unipc { order = 4, predict = prediction, variant = "bh1" }, prediction, 2, 3)
  for _, mode in ipairs { "pec", "pece" } do
    exact(solver.sa { predictor = 3, corrector = 3, tau = 0, predict = prediction, mode = mode }, prediction, 2, 3)
  end
  inexact(solver.unipc { order = 2, predict = prediction }, prediction, 2, 3)
end

-- ---- budgets ----------------------------------------------------------------------------------------------------

-- Predictions in each step of a plan.
local function spent(one, levels)
  local counts, now = {}, 0
  for _, at in ipairs(one:plan { process = tools.vp, grid = levels, dimension = 2 }:instructions()) do
    if at.code == "predict" then now = now + 1 end
    if at.code == "mark" then
      counts[#counts + 1], now = now, 0
    end
  end
  return counts
end

local function expected_orders(kind, budget)
  local out = {}
  if kind == 1 then
    for i = 1, budget do out[i] = 1 end
  elseif kind == 2 then
    for i = 1, budget // 2 do out[i] = 2 end
    if budget % 2 == 1 then out[#out + 1] = 1 end
  else
    local K, tail = budget // 3 + 1, ({ [0] = { 2, 1 }, { 1 }, { 2 } })[budget % 3]
    for i = 1, K - #tail do out[i] = 3 end
    for _, v in ipairs(tail) do out[#out + 1] = v end
  end
  return out
end
for _, kind in ipairs { 1, 2, 3 } do
  for budget = 1, 30 do
    for _, outer in ipairs { "lambda", "grid" } do
      local one = solver.dpm { order = kind, mode = "fast", outer = outer }
      local counts = spent(one, tools.grid(budget, -5, 4))
      assert(table.concat(counts, ",") == table.concat(expected_orders(kind, budget), ","),
        ("fast of order %d with %d: %s"):format(kind, budget, table.concat(counts, ",")))
    end
    local clean = spent(solver.dpm { order = kind, mode = "fast" },
      grid.lambda { n = budget, lambda_start = -5, lambda_end = 4, clean = true })
    local sum = 0
    for _, v in ipairs(clean) do sum = sum + v end
    assert(sum == budget + 1 and clean[#clean] == 1, "fast to data without noise")
  end
end
assert(solver.dpm { order = 3, start = "singlestep" }:plan { process = tools.vp, grid = tools.grid(10, -5, 4) }.nfe == 11)
assert(solver.unipc { order = 3 }:plan { process = tools.vp, grid = tools.grid(10, -5, 4) }.nfe == 10)
assert(solver.sa {}:plan { process = tools.vp, grid = tools.grid(10, -5, 4) }.nfe == 10)
assert(solver.sa { mode = "pece" }:plan { process = tools.vp, grid = tools.grid(10, -5, 4) }.nfe == 20)
-- A short grid ends with lower orders: the last step takes x and one prediction.
do
  local function last_sources(one)
    local n = 0
    for _, at in ipairs(one:plan { process = tools.vp, grid = tools.grid(8, -5, 4) }:instructions()) do
      if at.code == "combine" then n = #at.from end
    end
    return n
  end
  for _, name in ipairs { "dpm", "dpmpp", "unipc" } do
    assert(last_sources(solver[name] { order = 3 }) == 2 and last_sources(solver[name] { order = 3, lower_order_below = 8 }) == 4)
  end
  assert(last_sources(solver.dpmpp { order = 3, lower_order_final = false, euler_at_final = true }) == 2)
end

-- The headline: single steps lose with few predictions and win with many; multistep does not lose. Figures of the prototype
-- of 256 other starts, .45 .034 .0088 (fast) and .22 .135 .088 (DDIM), are allowed a fifth.
do
  local function errors(one)
    local out = {}
    for i, n in ipairs { 9, 15, 24 } do out[i] = tools.distance(run(one, tools.grid(n, -5, 4)).x, wide) end
    return out
  end
  local fast, ddim = errors(solver.dpm { order = 3, mode = "fast" }), errors(solver.ddim {})
  local multi = errors(solver.dpm { order = 3, lower_order_final = false })
  for i, value in ipairs { .45, .034, .0088 } do near(fast[i] / value, 1, .2, "fast, third order") end
  for i, value in ipairs { .22, .135, .088 } do near(ddim[i] / value, 1, .2, "DDIM") end
  assert(fast[1] > ddim[1] and 3 * fast[2] < ddim[2] and 8 * fast[3] < ddim[3])
  for i = 1, 3 do assert(multi[i] < ddim[i] / 3) end
end

-- ---- the end ----------------------------------------------------------------------------------------------------

for _, one in ipairs { solver.dpm { order = 3 }, solver.dpmpp { order = 3 }, solver.dpm { order = 3, mode = "singlestep" },
  solver.dpmpp { order = 3, mode = "fast" } } do
  local levels = grid.lambda { n = 12, lambda_start = -5, lambda_end = 4, clean = true }
  local out = run(one, levels, { trajectory = true, draws = 8 })
  local kept = out.trajectory.shape[1]
  local before = {}
  for r = 1, 8 do before[r] = { out.trajectory[{ kept - 1, r, 1 }], out.trajectory[{ kept - 1, r, 2 }] } end
  local x0 = tools.m3:predict(tools.vp, before, { lambda = 4 }, "data")
  near(tools.largest(out.x - x0), 0, 1e-14, "the end without noise is the last x0")
  local denoised = run(one.name == "dpm" and solver.dpm { order = 3, denoise = true } or solver.dpmpp { order = 3, denoise = true },
    tools.grid(20, -5, 4), { draws = 8 })
  local plain = run(one.name == "dpm" and solver.dpm { order = 3 } or solver.dpmpp { order = 3 }, tools.grid(20, -5, 4), { draws = 8 })
  near(tools.largest(denoised.x - tools.m3:predict(tools.vp, plain.x, { lambda = 4 }, "data")), 0, 1e-14, "denoise")
  assert(denoised.nfe == plain.nfe + 1)
end

-- ---- schedules --------------------------------------------------------------------------------------------------

-- The same lambdas and x / sigma at the start: x / alpha at the end is one number for all processes.
do
  local start = tools.normals(16, 2, 5)
  for _, one in ipairs { solver.dpm { order = 3 }, solver.dpmpp { order = 3 }, solver.dpmpp { order = 3, mode = "singlestep" },
    solver.unipc { order = 3 }, solver.sa { predictor = 3, corrector = 3, tau = 0 } } do
    local first
    for _, process in ipairs { tools.vp, diffusion.process.ve { sigma_max = 100 }, diffusion.process.interpolant {},
      diffusion.process.interpolant { schedule = "trigonometric" } } do
      local a, b = process:level { lambda = -3 }, process:level { lambda = 3 }
      local z = run(one, tools.grid(20, -3, 3), { process = process, init = a.sigma * start, draws = 16 }).x / b.alpha
      first = first or z
      near(tools.largest(z - first), 0, 1e-12, one.name .. " on another schedule")
    end
  end
end

-- ---- guidance, thresholds ---------------------------------------------------------------------------------------

do
  local means, sd = { 1, .5, -.8, .3, .2, -1.1, -.5, -.9 }, { .25, .35, .2, .3 }
  local all = diffusion.score.gaussian_mixture { dimension = 2, means = means, sd = sd }
  local class = diffusion.score.gaussian_mixture { dimension = 2, means = { table.unpack(means, 1, 4) }, sd = { .25, .35 } }
  local function guided(one, n, w)
    local score = diffusion.guide.cfg { cond = class, uncond = all, scale = w }
    return run(one, grid.lambda { n = n, t_start = 1, t_end = 1e-3 }, { score = score }).x
  end
  local function median_error(x, y)
    local d = {}
    for r = 1, x.shape[1] do d[r] = math.sqrt((x[{ r, 1 }] - y[{ r, 1 }]) ^ 2 + (x[{ r, 2 }] - y[{ r, 2 }]) ^ 2) end
    table.sort(d)
    return d[#d // 2]
  end
  local S2, S3 = { order = 2, mode = "singlestep" }, { order = 3, mode = "singlestep" }
  local fine = guided(solver.dpmpp(S3), 1000, 15)
  near(tools.largest(fine), 2.15, .15, "the largest guided coordinate")
  for _, noisy in ipairs { { solver.dpm(S2), 6 }, { solver.dpm(S3), 4 } } do -- 12 predictions
    local x = guided(noisy[1], noisy[2], 15)
    assert(tools.largest(x) > 8 and median_error(x, fine) > 5, "eps does not blow up at w = 15")
  end
  for _, calm in ipairs { { solver.dpmpp(S2), 6 }, { solver.dpmpp { order = 2 }, 12 } } do
    local x = guided(calm[1], calm[2], 15)
    between(tools.largest(x), 0, 2.5, "x0 at w = 15")
    between(median_error(x, fine), 0, .4, "x0 at w = 15, error")
  end
  fine = guided(solver.dpmpp(S3), 1000, 8)
  between(tools.distance(guided(solver.dpmpp { order = 2 }, 18, 8), fine) / tools.distance(guided(solver.dpm(S2), 9, 8), fine), 0, 1 / 3,
    "x0 over eps at w = 8")
end

-- Dynamic thresholds: quantiles .5, 1, 3 of |x0| in three samples give levels 1, 1, 3.
do
  local plain = diffusion.score.fn { predicts = "data", dimension = 4, fn = function(x) return x end }
  local rows = { { .5, -.5, .25, .5 }, { 1, -1, .5, 1 }, { 3, -3, 1.5, 3 } }
  local once = diffusion.threshold.dynamic { score = plain, p = .5, max = 1 }
  local twice = diffusion.threshold.dynamic { score = once, p = .5, max = 1 }
  local function x0(score) return score:predict(tools.vp, rows, { lambda = 1 }, "data") end
  local held = x0(once)
  for r, level in ipairs { 1, 1, 3 } do
    for d = 1, 4 do near(held[{ r, d }], rows[r][d] / level, 1e-15, "a threshold") end
  end
  near(tools.largest(held - x0(twice)), 0, 0, "a threshold twice")
end

-- ---- what is refused --------------------------------------------------------------------------------------------

local function plan(one, levels) return one:plan { process = tools.vp, grid = levels } end
refuses("order", solver.dpm, { order = 4 })
refuses("order", solver.dpm, { order = 0 })
refuses("order", solver.unipc, { order = 5 })
refuses("eta", solver.dpmpp, { eta = -.1 })
refuses("needs mode = \"multistep\"", solver.dpmpp, { eta = 1, mode = "singlestep" })
refuses("order 3 needs 2/3", solver.dpm, { order = 3, mode = "singlestep", r2 = .8 })
refuses("below r2", solver.dpm, { order = 3, mode = "singlestep", form = "taylor", r1 = .9, r2 = .5 })
refuses("inner = \"grid\" is for", solver.dpm, { inner = "grid" })
refuses("needs form = \"taylor\"", solver.dpm, { order = 3, mode = "fast", outer = "grid", inner = "grid" })
refuses("start = \"singlestep\" is for", solver.dpm, { order = 2, start = "singlestep" })
refuses("euler_at_final is for", solver.dpmpp, { mode = "singlestep", euler_at_final = true })
refuses("uncond", diffusion.guide.cfg, { cond = tools.m3, scale = 2 })
refuses("needs at least 3 steps", plan, solver.dpm { order = 3 }, tools.grid(2, -2, 2))
refuses("needs at least 3 steps", plan, solver.unipc { order = 3 }, tools.grid(2, -2, 2))
refuses("needs at least 3 steps", plan, solver.sa { predictor = 3 }, tools.grid(2, -2, 2))
refuses("n, the number of steps", grid.lambda, { lambda_start = -2 })
refuses("must fall, or rise", plan, solver.dpm {}, grid.levels { lambda = { -2, 1, 0, 2 } })
refuses("outside of the process", plan, solver.dpm {}, grid.levels { t = { 1, .5, -.1 } })
refuses("denoise is for grids that end with noise", plan, solver.dpm { denoise = true }, grid.levels { t = { 1, .5, .1 }, clean = true })
refuses("pieces", solver.sa, { taus = { 1, 0 }, breaks = { 1, 2, 3 } })
refuses("breaks must rise", solver.sa, { taus = { 1, 0, 1 }, breaks = { 1, 0 } })
refuses("needs a corrector", solver.sa, { mode = "pece", corrector = 0 })
refuses("coordinate 1 of sample 1 is", run, solver.dpm {}, tools.grid(4, -2, 2), { draws = 3, score = diffusion.score.fn { dimension = 2,
  predicts = "noise", fn = function(x) return x * (0 / 0) end } })
