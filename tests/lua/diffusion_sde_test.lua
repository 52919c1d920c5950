-- SPDX-License-Identifier: MIT
-- DPM-Solver++ and SA-Solver with noise: weak orders from exact means and variances, without sampling; one Monte Carlo check
-- against them; batches, Brownian paths.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
local tools = dofile(folder .. "diffusion_tools.lua")
local diffusion = tools.diffusion
local solver = diffusion.solver
local run, near, between = tools.run, tools.near, tools.between

-- ---- weak order -------------------------------------------------------------------------------------------------

-- Data N(.7, .3^2), uniform lambda from -5 to 3: errors of the variance at n = 10, 20, 40 ... The mean is exact for all.
local ns = { 10, 20, 40, 80, 160, 320 }
local function variance_errors(one)
  local out = {}
  for i, n in ipairs(ns) do
    local mean, variance = tools.moments(tools.vp, one, tools.grid(n, -5, 3), .7, .09)
    near(mean, 0, 1e-12, one.name .. ": mean")
    out[i] = math.abs(variance)
  end
  return out
end
local function weak(one, order, figures)
  local errors = variance_errors(one)
  between(math.log(errors[5] / errors[6]) / math.log(2), order - .1, order + (order == 2 and .95 or .1), one.name .. ": weak order")
  near(one.claims.weak_order, order, 0, "claimed weak order")
  for i, figure in pairs(figures or {}) do near(errors[i] / figure, 1, .03, ("variance error at n = %d"):format(ns[i])) end
end

-- Figures of the prototype, of two digits.
weak(solver.dpmpp { order = 1, eta = 1 }, 1, { [1] = 4.5e-2, [6] = 2.2e-3 })
weak(solver.dpmpp { order = 2, eta = 1, lower_order_final = false }, 2, { 3.7e-3, 2.3e-3, 8.7e-4, 2.4e-4, 6.0e-5, 1.5e-5 })
weak(solver.dpmpp { order = 2, eta = 1, form = "heun" }, 2)
weak(solver.dpmpp { order = 2, eta = .5 }, 2)
weak(solver.dpmpp { order = 3, eta = 1 }, 2) -- the last step sees nothing of the noise that it draws
weak(solver.dpmpp { order = 2, eta = 1, predict = "noise" }, 2)
weak(solver.sa { predictor = 1, corrector = 0 }, 1)
weak(solver.sa { predictor = 1, corrector = 2 }, 2)
weak(solver.sa { predictor = 2, corrector = 2 }, 2)
weak(solver.sa { predictor = 3, corrector = 3, mode = "pece" }, 2)
weak(solver.sa { predictor = 2, corrector = 3, taus = { 0, 1, 0 }, breaks = { -1.7, 1.3 } }, 2)

-- With a step of .8 the form for eps has grown out of bounds, that for x0 has not.
do
  local wide = tools.grid(10, -5, 3)
  local function error_of(predict)
    return math.abs(select(2, tools.moments(tools.vp,
      solver.dpmpp { order = 2, eta = 1, predict = predict, lower_order_final = false }, wide, .7, .09)))
  end
  near(error_of "noise" / 11, 1, .05, "variance error of the form for eps")
  between(error_of "data", 0, 1e-2, "variance error of the form for x0")
end

-- SA-Predictor of order 2 with tau = 1 is SDE-DPM-Solver++ 2M, and SA-Solver without a corrector and noise is DPM-Solver++.
for _, pair in ipairs { { solver.sa { predictor = 2, corrector = 0, tau = 1 }, solver.dpmpp { order = 2, eta = 1, form = "taylor" } },
  { solver.sa { predictor = 3, corrector = 0, tau = 0 }, solver.dpmpp { order = 3, form = "taylor" } } } do
  local levels = tools.grid(20, -3, 3)
  local a, b = run(pair[1], levels, { draws = 32 }).x, run(pair[2], levels, { draws = 32 }).x
  near(tools.largest(a - b), 0, 1e-13, "SA-Solver beside DPM-Solver++")
end

-- ---- eta goes to 0 ----------------------------------------------------------------------------------------------

for _, given in ipairs { { order = 1 }, { order = 2 }, { order = 2, form = "taylor" }, { order = 3 }, { order = 2, predict = "noise" } } do
  local levels = tools.grid(12, -4, 3)
  local ode = solver.dpmpp(given):plan { process = tools.vp, grid = levels }
  given.eta = 1e-16
  local sde = solver.dpmpp(given):plan { process = tools.vp, grid = levels }
  assert(not ode.stochastic and sde.stochastic)
  local i, kept = 0, ode:instructions()
  for _, at in ipairs(sde:instructions()) do
    if at.code ~= "noise" then
      i = i + 1
      assert(at.code == kept[i].code)
      for j, source in ipairs(at.code == "combine" and at.from or {}) do
        local expected = kept[i].from[j].coefficient
        near(source.coefficient, expected, 1e-14 * math.abs(expected), "a coefficient as eta goes to 0")
      end
    end
  end
  assert(i == #kept)
end

-- ---- samples ----------------------------------------------------------------------------------------------------

-- 1e6 chains have the mean and variance of the recursion, within 4 standard errors.
do
  local normal = diffusion.score.normal { mean = { .7 }, sd = .3 }
  for _, case in ipairs { { solver.dpmpp { order = 2, eta = 1 }, 1000000 }, { solver.sa { predictor = 2, corrector = 2 }, 200000 } } do
    local one, n = case[1], case[2]
    local levels = tools.grid(10, -5, 3)
    local start, last = tools.vp:level { lambda = -5 }, tools.vp:level { lambda = 3 }
    local mean, variance = tools.moments(tools.vp, one, levels, .7, .09)
    mean, variance = mean + last.alpha * .7, variance + last.alpha ^ 2 * .09 + last.sigma ^ 2
    -- The starts follow their law: from standard normals, the prior, of another seed.
    local z = tools.normals(n, 1, 7)
    local x = run(one, levels, { score = normal, draws = n, seed = 11,
      init = start.alpha * .7 + math.sqrt(start.alpha ^ 2 * .09 + start.sigma ^ 2) * z }).x
    local m = x:mean()
    near(m, mean, 4 * math.sqrt(variance / n), "mean of chains")
    near(((x - m) ^ 2):mean(), variance, 4 * variance * math.sqrt(2 / n), "variance of chains")
  end
end

-- A sample does not depend on those beside it.
for _, one in ipairs { solver.dpmpp { order = 2, eta = 1 }, solver.dpmpp { order = 3, eta = .5, noise = "tree" }, solver.sa {} } do
  local levels = tools.grid(8, -4, 3)
  local all = run(one, levels, { draws = 64 }).x
  local few, alone = run(one, levels, { draws = 7, first = 20 }).x, run(one, levels, { draws = 1, first = 26 }).x
  for d = 1, 2 do
    for r = 1, 7 do assert(few[{ r, d }] == all[{ 19 + r, d }]) end
    assert(alone[{ 1, d }] == all[{ 26, d }])
  end
end

-- A run that is kept halfway and goes on elsewhere ends as one without a break.
for _, one in ipairs { solver.dpmpp { order = 3, eta = 1 }, solver.sa { predictor = 3, corrector = 3 }, solver.unipc { order = 3 },
  solver.mrs { kind = "sde", order = 2 } } do
  local plan = one:plan { process = tools.vp, grid = tools.grid(16, -4, 3), dimension = 2 }
  local predictor = tools.m3:predictor(tools.vp)
  local function started() return tools.core.reverse(plan.object, predictor, { n = 8, seed = 3 }) end
  local whole, half, other = started(), started(), started()
  whole:prior(1)
  half:prior(1)
  whole:advance()
  for i, at in ipairs(plan:instructions()) do
    if at.code == "mark" and at.step == 7 then half:advance(i) end
  end
  other:load(half:save())
  other:advance()
  near(tools.largest(whole:x() - other:x()), 0, 0, one.name .. ": a run kept halfway")
end

-- With one Brownian path 20 and 40 steps lead to nearly the same samples; with fresh noise they have little in common.
do
  local normal = diffusion.score.normal { mean = { .7 }, sd = .3 }
  local function correlation(noise)
    local one = solver.dpmpp { order = 2, eta = 1, noise = noise }
    local a = run(one, tools.grid(20, -5, 4), { score = normal, draws = 4000 }).x
    local b = run(one, tools.grid(40, -5, 4), { score = normal, draws = 4000 }).x
    a, b = a - a:mean(), b - b:mean()
    return (a * b):mean() / math.sqrt((a ^ 2):mean() * (b ^ 2):mean())
  end
  between(correlation "tree", .9, 1, "correlation with one path")
  between(correlation "fresh", -.3, .3, "correlation with fresh noise")
end

-- Noise is for processes with a normal law, and for the way to less of it.
tools.refuses("goes to less noise only", run, solver.dpmpp { eta = 1 }, tools.grid(5, 3, -3))
tools.refuses("Student t", run, solver.sa {}, tools.grid(5, -3, 3), { process = diffusion.process.edm { degrees = 8 } })

-- From noise alone to data without noise: closed steps at both ends.
do
  local flow = diffusion.process.interpolant {}
  for _, one in ipairs { solver.dpmpp { order = 2, eta = 1 }, solver.sa { predictor = 2, corrector = 3 }, solver.sa { mode = "pece" } } do
    local list = {}
    for i = 0, 300 do list[i + 1] = 1 - i / 300 end
    local mean, variance = tools.moments(flow, one, diffusion.grid.levels { t = list }, .7, .09)
    near(mean, 0, 1e-12, "mean of data")
    near(variance, 0, 1e-2 * .09, one.name .. ": variance of data")
  end
end
