-- SPDX-License-Identifier: MIT
-- MR Sampler on mean-reverting diffusion: its published steps, written out, beside DPM-Solver and DPM-Solver++ less the mean;
-- orders, variances, the speed-up over Euler, what is refused.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
local tools = dofile(folder .. "diffusion_tools.lua")
local diffusion = tools.diffusion
local solver = diffusion.solver
local run, near, between, refuses = tools.run, tools.near, tools.between, tools.refuses
local exp, expm1 = math.exp, function(v) return math.abs(v) < 1e-5 and v + v * v / 2 + v ^ 3 / 6 or math.exp(v) - 1 end

local sigma_inf = 50 / 255
local process = diffusion.process.mean_reverting { theta = "cosine", steps = 100, sigma_inf = sigma_inf, alpha_end = .005 }
local mu = { .5, .4 }
local score = diffusion.score.gaussian_mixture { dimension = 2, weights = { .6, .4 }, means = { .2, .7, .8, .3 }, sd = { .1, .07 } }
local about = process.about
local from, to = about.lambda_of_most, 4.04
near(from, -3.67, .01, "lambda at T")

local function sampled(one, n, given)
  given = given or {}
  given.process, given.score, given.shift = given.process or process, given.score or score, given.shift or mu
  return run(one, tools.grid(n, from, to), given)
end

-- ---- the frame --------------------------------------------------------------------------------------------------

-- The steps of Li et al. 2025 in x itself, with the normals drawn in each step; predictions come from the score less the mean.
local function published(kind, predict, order, start, normals)
  local n = #normals
  local levels = tools.grid(n, from, to):levels(process)
  local x, last, last_h = start, nil, nil
  for i = 1, n do
    local s, t = {}, {}
    for k, name in ipairs { "t", "lambda", "ln_alpha", "ln_sigma" } do s[name], t[name] = levels[{ i, k }], levels[{ i + 1, k }] end
    local as, at, ss, st = exp(s.ln_alpha), exp(t.ln_alpha), exp(s.ln_sigma), exp(t.ln_sigma)
    local h = t.lambda - s.lambda
    local m = score:predict(process, x - mu, { lambda = s.lambda }, predict, { shift = mu })
    if predict == "data" then m = m + mu end -- x0 itself
    local D = (order == 2 and last) and (m - last) / (last_h / h) or 0 * m
    if kind == "ode" and predict == "data" then
      local p1 = expm1(-h)
      local p2 = p1 / h + 1
      x = st / ss * x - at * (p1 * m - p2 * D) + mu * (1 - st / ss + st / ss * as - at)
    elseif kind == "ode" then
      local q1 = expm1(h)
      x = at / as * x - st * (q1 * m + (q1 / h - 1) * D) + mu * (1 - at / as)
    elseif predict == "data" then
      local Q = -expm1(-2 * h)
      x = st / ss * exp(-h) * x + at * Q * m + at * (1 - Q / (2 * h)) * D + st * math.sqrt(Q) * normals[i]
        + mu * (1 - at / as * exp(-2 * h) - at * Q)
    else
      local q1 = expm1(h)
      x = at / as * x - 2 * st * (q1 * m + (q1 / h - 1) * D) + st * math.sqrt(expm1(2 * h)) * normals[i] + mu * (1 - at / as)
    end
    last, last_h = m, h
  end
  return x
end

do
  mu = tools.core.array(mu)
  local n, draws = 12, 8 -- from 10 steps on no step has a lower order
  local start = mu + sigma_inf * tools.normals(draws, 2, 3)
  for _, kind in ipairs { "ode", "sde" } do
    for _, predict in ipairs { "data", "noise" } do
      for order = 1, 2 do
        local one = solver.mrs { kind = kind, predict = predict, order = order }
        local out = sampled(one, n, { draws = draws, init = start, trajectory = true })
        -- The normals that were drawn: from each step of a run in which the score is 0 the rest is known.
        local normals = {}
        for i = 1, n do normals[i] = 0 * start end
        if kind == "sde" then
          local nothing = diffusion.score.fn { predicts = predict, dimension = 2, fn = function(x) return 0 * x end }
          local path = run(one, tools.grid(n, from, to), { process = process, score = nothing, shift = { 0, 0 }, draws = draws,
            init = 0 * start, trajectory = true })
          local kept = {}
          for _, at in ipairs(path.plan:instructions()) do
            if at.code == "combine" then kept[#kept + 1] = { at.from[1].coefficient } end
            if at.code == "noise" then kept[#kept][2] = at.scale end
          end
          for i = 1, n do
            local rows = {}
            for r = 1, draws do
              rows[r] = {}
              for d = 1, 2 do
                rows[r][d] = (path.trajectory[{ i + 1, r, d }] - kept[i][1] * path.trajectory[{ i, r, d }]) / kept[i][2]
              end
            end
            normals[i] = tools.core.array(rows)
          end
        end
        local x = published(kind, predict, order, start, normals)
        local size = math.max(1, tools.largest(x))
        near(tools.largest(out.x - x) / size, 0, 1e-13 * (predict == "noise" and 100 or 1),
          ("%s, %s, order %d beside the published steps"):format(kind, predict, order))
      end
    end
  end
end

-- Without a mean and with sigma_inf = 1 it is variance-preserving.
do
  local plain = diffusion.process.mean_reverting { sigma_inf = 1 }
  local start = tools.normals(16, 2, 4)
  for _, predict in ipairs { "data", "noise" } do
    local one = solver.mrs { predict = predict, order = 2 }
    local x = run(one, tools.grid(20, -3, 1), { process = plain, shift = { 0, 0 }, init = start, draws = 16 }).x
    local y = run(one, tools.grid(20, -3, 1), { init = start, draws = 16 }).x
    near(tools.largest(x - y), 0, 1e-12, "mean-reverting to nothing beside vp")
  end
end

-- ---- orders -----------------------------------------------------------------------------------------------------

local fine = sampled(solver.dpmpp { order = 3, mode = "singlestep" }, 1000).x
local ns = { 5, 10, 20, 40, 80, 160 }
local function errors_of(order)
  local out = {}
  for i, n in ipairs(ns) do out[i] = tools.distance(sampled(solver.mrs { order = order }, n).x, fine) end
  return out
end
local first, second = errors_of(1), errors_of(2)
near(math.log(first[5] / first[6], 2), 1, .1, "first order")
near(math.log(second[5] / second[6], 2), 2, .1, "second order")
-- Figures of the prototype, of other starts.
for i, figure in ipairs { 6.1e-2, 1.9e-2, 3.9e-3, 9.8e-4, 2.5e-4, 6.5e-5 } do
  between(second[i] / figure, .6, 1.6, "second order, errors")
end
for i, figure in pairs { [1] = .107, [6] = 2.7e-3 } do between(first[i] / figure, .6, 1.6, "first order, errors") end
near(solver.mrs { order = 3 }.claims.order, 2, 0, "claimed order")

-- Variances of normal data in this frame, exactly; the mean is exact.
do
  local function variance_error(one, n)
    local mean, variance = tools.moments(process, one, tools.grid(n, from, to), .12, .01)
    near(mean, 0, 1e-12, "mean")
    return math.abs(variance)
  end
  for order = 1, 2 do
    local one = solver.mrs { kind = "sde", order = order }
    near(math.log(variance_error(one, 160) / variance_error(one, 320), 2), order, .1, "weak order")
  end
  -- Of steps h = .8 on vp, data N(.7, .3^2): eps against x0.
  local function on_vp(predict, n)
    local one = solver.mrs { kind = "sde", predict = predict }
    return math.abs(select(2, tools.moments(tools.vp, one, tools.grid(n, -5, 3), .7, .09)))
  end
  assert(on_vp("noise", 10) > 100 * on_vp("data", 10), "the form for eps with long steps")
  between(on_vp("noise", 160) / on_vp("data", 160), .25, 2, "the two forms with short steps")
end

-- Euler on the equation without noise, uniform in -ln alpha, needs 4 and more times the predictions for the same error.
do
  local a, b = process:level { lambda = from }.ln_alpha, process:level { lambda = to }.ln_alpha
  local noise = sigma_inf * tools.normals(256, 2, 1)
  local exact = sampled(solver.dpmpp { order = 3, mode = "singlestep" }, 1000, { init = mu + noise }).x
  local function lambda_at(i, n)
    if i == 0 or i == n then return i == 0 and from or to end
    local ln_alpha = a + (b - a) * i / n
    return ln_alpha - math.log(sigma_inf) - math.log(1 - exp(2 * ln_alpha)) / 2
  end
  local function euler(n)
    local x = noise
    for i = 1, n do -- d(x - mu) / d(ln alpha) = (x - mu) - sigma_inf^2 eps / sigma
      local s, t = process:level { lambda = lambda_at(i - 1, n) }, process:level { lambda = lambda_at(i, n) }
      local eps = score:predict(process, x, { lambda = s.lambda }, "noise", { shift = mu })
      x = x + (t.ln_alpha - s.ln_alpha) * (x - sigma_inf ^ 2 / s.sigma * eps)
    end
    return tools.distance(x + mu, exact)
  end
  for _, case in ipairs { { 5, 4 }, { 10, 6 }, { 20, 12 } } do
    local goal = tools.distance(sampled(solver.mrs { order = 2 }, case[1], { init = mu + noise }).x, exact)
    local n = case[1] * case[2]
    assert(euler(n) > goal, ("Euler reaches in %d predictions what order 2 does in %d"):format(n, case[1]))
  end
end

-- ---- samples, refusals ------------------------------------------------------------------------------------------

do
  local one = solver.mrs { kind = "sde", order = 2 }
  local all, alone = sampled(one, 10, { draws = 64 }).x, sampled(one, 10, { draws = 1, first = 40 }).x
  assert(alone[{ 1, 1 }] == all[{ 40, 1 }] and alone[{ 1, 2 }] == all[{ 40, 2 }])
end

refuses("state shift", run, solver.mrs {}, tools.grid(10, from, to), { process = process, score = score })
refuses("shift has shape", sampled, solver.mrs {}, 10, { shift = { 1, 2, 3 } })
refuses("sigma_inf", diffusion.process.mean_reverting, { sigma_inf = 0 })
refuses("outside of the process", run, solver.mrs {}, tools.grid(10, -9, to), { process = process, score = score, shift = mu })
refuses("orders 1 and 2", solver.mrs, { kind = "sde", order = 3 })
refuses("noise is for kind = \"sde\"", solver.mrs, { noise = "tree" })
refuses("did you mean 'predict'", solver.mrs, { predicts = "data" })
refuses("thresholding holds x0, not eps", sampled, solver.mrs { predict = "noise" }, 10,
  { score = diffusion.threshold.dynamic { score = score } })
sampled(solver.mrs { predict = "data" }, 10, { score = diffusion.threshold.dynamic { score = score } })
