-- SPDX-License-Identifier: MIT
-- Langevin-Gibbs on points and levels of noise: what it claims to preserve is preserved, and these tests notice when it is
-- not; the sampler counts its evaluations and pays where few of them are allowed.
local borel = require "borel"
local core = require "borel.core"
local diffusion = borel.diffusion
local MUTANT = os.getenv "BOREL_MUTANT_LUA"

local process = diffusion.process.vp {}
local weights, sds = { .3, .5, .2 }, { .25, .35, .2 }

-- Three components in the plane, or in more dimensions around 0: there the point says much about its level, so that stale
-- levels show.
local function mixture(D)
  local means, flat = { { 1, .5 }, { -.8, .3 }, { .2, -1.1 } }, {}
  for k = 1, 3 do
    for d = 1, D do
      means[k][d] = means[k][d] or 0
      flat[#flat + 1] = means[k][d]
    end
  end
  return { D = D, means = means,
    score = diffusion.score.gaussian_mixture { dimension = D, weights = weights, means = flat, sd = sds } }
end
local plane, space = mixture(2), mixture(12)
local grid = diffusion.grid.lambda { n = 11, lambda_start = -3, lambda_end = 2 }

local function chain_with(given, m)
  local all = { process = process, score = (m or plane).score, levels = grid, step = .1, scaled = true }
  for name, value in pairs(given) do all[name] = value end
  return diffusion.langevin_gibbs(all)
end

-- ---- the law of the level given the point ------------------------------------------------------------------------------

local chain = chain_with {}

-- log p_j(x) of the mixture, from its formula.
local function logdensity(x, level, m)
  local alpha, total = math.exp(level.ln_alpha), 0
  for k = 1, 3 do
    local v = alpha ^ 2 * sds[k] ^ 2 + level.sigma ^ 2
    local square = 0
    for d = 1, m.D do square = square + (x[d] - alpha * m.means[k][d]) ^ 2 end
    total = total + weights[k] * math.exp(-square / (2 * v)) / (2 * math.pi * v) ^ (m.D / 2)
  end
  return math.log(total)
end

do
  local points = { { .3, -.2 }, { 1.5, 1 }, { -2, 2 } }
  local logits = chain:logits(core.array(points))
  for i, x in ipairs(points) do
    for j, level in ipairs(chain.levels) do
      local exact = logdensity(x, level, plane)
      assert(math.abs(logits[i][j] - exact) <= 1e-12 * math.max(1, math.abs(exact)), "log-density of a level given the point")
    end
  end
end

-- ---- exactness ------------------------------------------------------------------------------------------------------------

-- n exact draws of (x, j): a level, data, noise.
local function joint(n, seed, m)
  local source, x, j = core.philox(core.stream_key(seed, "joint"), 0), {}, {}
  for i = 1, n do
    j[i] = source:uniform_int(#chain.levels) + 1
    local level, k = chain.levels[j[i]], source:categorical(weights)
    local alpha = math.exp(level.ln_alpha)
    x[i] = {}
    for d = 1, m.D do x[i][d] = alpha * (m.means[k][d] + sds[k] * source:normal()) + level.sigma * source:normal() end
  end
  return core.array(x), j
end

-- The largest distance between the empirical distribution functions, times sqrt(n m / (n + m)): above t with probability
-- 2 exp(-2 t^2) at most, in the limit and about so for n of 2000 (Smirnov 1948).
local function smirnov(a, b)
  a, b = core.sort(core.array(a)), core.sort(core.array(b))
  local n, m, i, j, worst = #a, #b, 0, 0, 0
  while i < n and j < m do
    if a[i + 1] <= b[j + 1] then i = i + 1 else j = j + 1 end
    worst = math.max(worst, math.abs(i / n - j / m))
  end
  return worst * (n * m / (n + m)) ^ .5
end

local function statistics(c, x, j, m)
  local norm, logp, lambda = {}, {}, {}
  for i = 1, #j do
    local level = c.levels[j[i]]
    norm[i], lambda[i] = (x[i] ^ 2):sum() ^ .5, level.lambda + 1e-9 * i -- ties of levels would make the distance smaller
    logp[i] = logdensity(x[i], level, m)
  end
  return { norm = norm, logp = logp, lambda = lambda, first = x[{ ":", 1 }], second = x[{ ":", 2 }] }
end

-- Is the law of 2000 exact pairs still theirs after 24 transitions? Five statistics, each at 1e-6, of two problems: false
-- alarms 1e-5 in all.
local function preserved(given)
  local n, far = 2000, 0
  for _, m in ipairs { plane, space } do
    local c = chain_with({ adjust = true, step = 2, choose = given.choose }, m)
    local x, j = joint(n, 11, m)
    local state = c:state(x, 5)
    state.j = j
    for _ = 1, 24 do c:transition(state) end
    local y, k = joint(n, 12, m)
    local fresh = statistics(c, y, k, m)
    for name, values in pairs(statistics(c, state.x, state.j, m)) do far = math.max(far, smirnov(values, fresh[name])) end
  end
  return 2 * math.exp(-2 * far ^ 2) > 1e-6, far
end

local holds, distance = preserved {}
if MUTANT then
  assert(holds, ("the mutant %s is noticed: distance %.1f"):format(MUTANT, distance))
  return
end
assert(holds, ("adjusted Langevin-Gibbs: distance %.2f"):format(distance))
local argmax, far = preserved { choose = "argmax" }
assert(not argmax, ("the likeliest level preserves nothing, yet the distance is %.2f"):format(far))

-- Each switch that breaks the transition is noticed; each runs in a process of its own.
local program, script = os.getenv "BOREL" or "build/release/borel", debug.getinfo(1, "S").source:match "^@(.*)"
if (os.getenv "BOREL_SANITIZE" or "") == "" then
  for k = 1, 5 do
    local ok = os.execute(("BOREL_MUTANT_LUA=denoising:%d %s run %s >/dev/null 2>&1"):format(k, program, script))
    -- 1: another drift in the proposal alone; 2: another noise; 3, 4: the ratio; 5: the level of the point before
    assert(not ok, ("mutant denoising:%d goes unnoticed"):format(k))
  end
end

-- The bias of unadjusted steps in the mean log-density falls with the step: 4 standard errors apart at least.
do
  local function mean_logp(step)
    local c = chain_with { step = step }
    local x, j = joint(4000, 21, plane)
    local state = c:state(x, 6)
    state.j = j
    for _ = 1, 40 do c:transition(state) end
    local total, square = 0, 0
    for i = 1, 4000 do
      local v = logdensity(state.x[i], c.levels[state.j[i]], plane)
      total, square = total + v, square + v * v
    end
    return total / 4000, (square / 4000 - (total / 4000) ^ 2) ^ .5 / 4000 ^ .5
  end
  local exact = mean_logp(1e-9)
  local rough, error_of_rough = mean_logp(.64)
  local fine = mean_logp(.04)
  assert(math.abs(rough - exact) > 4 * error_of_rough, "a large unadjusted step has no bias that shows")
  assert(math.abs(fine - exact) < math.abs(rough - exact) / 2, "the bias does not fall with the step")
end

-- ---- the same law as a density for every kernel ------------------------------------------------------------------------------

do
  local few = diffusion.grid.lambda { n = 3, lambda_start = -1, lambda_end = 1.5 }
  local law = diffusion.noisy { process = process, score = plane.score, levels = few }
  local folder = os.tmpname()
  os.remove(folder)
  local fit = borel.infer(law, { kernel = borel.cycle { borel.on("x", borel.mala {}), borel.on("level", borel.gibbs {}) },
    chains = 2, draws = 1500, warmup = 500, seed = 3, progress = false, out = folder })
  local level = fit:draws "level"
  os.execute("rm -r " .. folder)
  local counts = { 0, 0, 0, 0 }
  for c = 1, 2 do
    for i = 1, 1500 do counts[level[c][i]] = counts[level[c][i]] + 1 end
  end
  -- All levels have the same weight. Successive levels depend on each other: 60 independent ones of 3000 are allowed for.
  for k = 1, 4 do assert(math.abs(counts[k] / 3000 - .25) < 4 * (.25 * .75 / 60) ^ .5, "share of level " .. k) end
end

-- ---- the sampler -----------------------------------------------------------------------------------------------------------------

-- The level of a state does not run away: medians of sigma over 500 transitions of one chain of chains.
do
  local c = chain_with { step = .5 }
  local state = c:state((joint(40, 31, plane)), 8)
  local high = 0
  for _ = 1, 500 do
    c:transition(state)
    local sorted = table.move(state.j, 1, 40, 1, {})
    table.sort(sorted)
    high = math.max(high, c.levels[sorted[20]].sigma)
  end
  assert(high < 1, "the median noise reached " .. high)
end

-- ---- what is refused ----------------------------------------------------------------------------------------------------------------

local function refused(part, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok and tostring(message):find(part, 1, true), tostring(message))
end
refused("step is 0", chain_with, { step = 0 })
refused("needs process", diffusion.langevin_gibbs, { score = plane.score })
refused("2 weights for 12 levels", chain_with, { weights = { 1, 2 } })
refused("without noise", chain_with, { levels = diffusion.grid.lambda { n = 3, lambda_start = -3, lambda_end = 2, clean = true } })
refused("skip", diffusion.denoising_mcmc, { chain = chain, solver = diffusion.solver.ddim {}, grid = print, skip = -1 })
refused("no log-density", chain_with, { score = diffusion.threshold.static { score = plane.score } })
refused("has 3 levels", function()
  chain_with { posterior = function(x) return core.zeros { #x, 3 } end }:state((joint(2, 1, plane)), 1)
end)
print "ok"
