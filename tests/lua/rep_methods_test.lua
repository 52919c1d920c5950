-- SPDX-License-Identifier: MIT
-- The tree of runs as an exact kernel; the methods of borel.infer on programs with known posteriors; bad input.
local borel = require "borel"
local core = require "borel.core"
local rep = require "borel.rep"
local dist, sample, observe, factor = borel.dist, borel.sample, borel.observe, borel.factor
local finite = require "borel.rep.suite.programs"
local folder = os.tmpname()
os.remove(folder)
local runs = 0
local quiet = { progress = false }
local function with(more)
  runs = runs + 1
  local all = { progress = false, out = ("%s/%d"):format(folder, runs) }
  for name, value in pairs(more) do all[name] = value end
  return all
end

-- ---- E1 on the tree: a start from the prior with its weight, then K steps ------------------------------------------------

local function text(value) return type(value) == "table" and table.concat(value, " ") or tostring(value) end

for name, p in pairs(finite.programs) do
  for steps = 0, 2 do
    local tree, choice, measure = rep.tree(p.model), core.enumerate(0), {}
    while choice:next() do
      local run = tree.runs:run()
      local weight = math.exp(run:draw(choice))
      if weight > 0 then
        for _ = 1, steps do run:step(choice) end
        local _, number = run:choices()
        local key = text(tree.ends[number].value)
        measure[key] = (measure[key] or 0) + choice:probability() * weight
      end
    end
    for key, mass in pairs(p.measure) do
      assert(math.abs((measure[key] or 0) - mass) < 1e-12 * math.max(1, p.total), ("%s, %d steps: %s"):format(name, steps, key))
    end
    for key in pairs(measure) do assert(p.measure[key], name .. ": " .. key) end
  end
end

-- ---- chains and populations ------------------------------------------------------------------------------------------------

-- |estimate - truth| within 5 Monte Carlo errors, which are those of the runs.
local function near(what, fit, fn, truth)
  local mean, error = fit:mean(fn)
  assert(math.abs(mean - truth) < 5 * error, ("%s: %.6g +- %.2g, not %.6g"):format(what, mean, error, truth))
end

for name, p in pairs(finite.programs) do
  local some = next(p.measure)
  local function is(value) return text(value) == some and 1 or 0 end
  local chains = borel.infer(p.model, with { kernel = borel.trace_mh {}, chains = 10, draws = 1000, warmup = 100 })
  near(name .. " by trace_mh", chains, is, p.measure[some] / p.total)
  local particles = borel.infer(p.model, with { kernel = borel.smc { particles = 200 }, chains = 10 })
  near(name .. " by smc", particles, is, p.measure[some] / p.total)
  assert(math.abs(particles.log_evidence - math.log(p.total)) < 5 * particles.log_evidence_mcse + 1e-12, name .. ": evidence")
end

-- A Gaussian random walk seen with noise: the evidence and the last state by the Kalman filter.
local walk = borel.model(function(data)
  local x = 0
  for t, y in ipairs(data) do
    x = sample({ "x", t }, dist.normal(x, 1))
    observe(dist.normal(x, 0.5), y)
  end
  return x
end)
local y, mean, variance, log_evidence = { 0.3, 1.1, 0.4, 1.9, 2.5, 2.2 }, 0, 0, 0
for _, seen in ipairs(y) do
  variance = variance + 1
  local spread = variance + 0.25
  log_evidence = log_evidence - 0.5 * math.log(2 * math.pi * spread) - 0.5 * (seen - mean) ^ 2 / spread
  mean, variance = mean + variance / spread * (seen - mean), variance * 0.25 / spread
end
for _, kernel in ipairs { borel.smc { particles = 200 }, borel.smc { particles = 60, moves = 2, ess = 1, resampler = "residual" },
  borel.smc { particles = 60, moves = 1, variant = "dynamic" }, borel.importance { particles = 600 } } do
  local fit = borel.infer(walk, with { kernel = kernel, data = y, chains = 8 })
  near(kernel.name, fit, function(value) return value end, mean)
  assert(math.abs(fit.log_evidence - log_evidence) < 5 * fit.log_evidence_mcse, kernel.name .. ": evidence")
  assert(fit:summary():find "log evidence" and fit:report().method == kernel.name)
end

local held = borel.infer(walk, with { kernel = borel.particle_gibbs { particles = 20 }, data = y, chains = 8, draws = 60, warmup = 10 })
near("particle_gibbs", held, function(value) return value end, mean)

-- An unknown mean with noise: pmmh and smc2 against the conjugate posterior.
local parameters = borel.model(function() return sample("mu", dist.normal(0, 2)) end)
local noisy = borel.model(function(mu, data)
  for t, seen in ipairs(data) do
    local z = sample({ "z", t }, dist.normal(mu, 1))
    observe(dist.normal(z, 1), seen)
  end
  return 0
end)
local precision, sum = 1 / 4, 0
for _, seen in ipairs(y) do precision, sum = precision + 1 / 2, sum + seen / 2 end
local function mu_of(value) return value[1] end
local found = borel.infer(noisy, with { kernel = borel.pmmh { parameters = parameters, particles = 10 }, data = y, chains = 6, draws = 100,
  warmup = 30 })
near("pmmh", found, mu_of, sum / precision)
found = borel.infer(noisy, with { kernel = borel.smc2 { parameters = parameters, particles = 20, inner = 6 }, data = y, chains = 8 })
near("smc2", found, mu_of, sum / precision)

-- ---- the same bits for the same seed; another seed, other draws --------------------------------------------------------------

local function draws_of(seed)
  return borel.infer(walk, with { kernel = borel.smc { particles = 20 }, data = y, seed = seed }):draws "value"
end
local first, second, third = draws_of(3), draws_of(3), draws_of(4)
local same = true
for r = 1, 4 do
  for i = 1, first[r].n do
    assert(first[r][i] == second[r][i])
    same = same and first[r][i] == third[r][i]
  end
end
assert(not same)

-- ---- bad input ---------------------------------------------------------------------------------------------------------------

local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok and tostring(message):find(pattern), ("expected an error with '%s', got: %s"):format(pattern, tostring(message)))
end
local function infer(fn, kernel) return borel.infer(borel.model(fn), with { kernel = kernel, draws = 10, warmup = 0 }) end

fails("the log%-weight is NaN", infer, function() factor("w", 0 / 0) end, borel.smc {})
fails("%+infinity", infer, function() factor(math.huge) end, borel.trace_mh {})
fails("none of 1000 runs from the prior has a weight", infer, function()
  sample("x", dist.bernoulli(0.5))
  factor(-math.huge)
end, borel.trace_mh {})
fails("no particle of any run has a weight", infer, function()
  sample("x", dist.bernoulli(0.5))
  factor(-math.huge)
end, borel.smc { particles = 3 })
fails("every name is used once", infer, function()
  sample("x", dist.normal(0, 1))
  sample("x", dist.normal(0, 1))
end, borel.smc { particles = 3 })
fails("cannot be drawn from", infer, function() sample("x", dist.flat()) end, borel.importance { particles = 3 })
local calls = 0
fails("not deterministic given its choices: choice 1 was 'a", infer, function()
  calls = calls + 1
  factor(sample("a" .. calls, dist.normal(0, 1)))
  factor(sample("b", dist.normal(0, 1)))
end, borel.smc { particles = 40, ess = 1 })
fails("yield across a C%-call boundary", infer, function()
  table.sort({ 3, 1, 2 }, function(a, b)
    factor(0)
    return a < b
  end)
end, borel.smc { particles = 2 })
fails("must be between", borel.smc, { ess = 2 })
fails("must be between 1 and", borel.smc, { particles = 0 })
fails("unknown option 'partcles'", borel.smc, { partcles = 3 })
fails("no resampler", infer, function() factor(0) end, borel.smc { resampler = "sytematic" })
fails("option 'parameters'", infer, function() end, borel.pmmh {})
fails("whole number of at least 1", rep.spawn, 0)
fails("whole number of at least 0", rep.times, -1, rep.advance())
fails("needs a block", rep.pipeline, { 3 })
fails("more than 100 paths", rep.enumerate, rep.smc(3, 2, rep.resample "systematic"), finite.programs.P5.model, 100)
fails("normal", rep.enumerate, rep.finish(), walk, nil, { 1 })

-- A model without choices: nothing to move, and that is fine.
local nothing = infer(function() return 7 end, borel.trace_mh {})
assert(nothing:draws("value")[1][1] == 7)

-- ---- what borel.infer chooses, what it refuses, what it makes of few particles -------------------------------------------------

local function few_factors() return sample("x", dist.bernoulli(0.5)) == 1 and sample("y", dist.bernoulli(0.5)) or 0 end
assert(borel.infer(borel.model(few_factors, { dynamic = true }), with { draws = 10, warmup = 0 }).method == "trace_mh")
assert(borel.infer(borel.model(walk.fn, { dynamic = true }), with { data = y, chains = 2 }).method == "smc")
fails("make it dynamic", borel.infer, borel.model(few_factors), quiet)
fails("option 'init' is for kernels", borel.infer, walk, with { kernel = borel.smc {}, data = y, init = "pathfinder" })
fails("must be between 1 and", borel.smc, { particles = 1e9 })
local poor = borel.infer(walk, with { kernel = borel.smc { particles = 200, ess = 1 }, data = y, chains = 1 })
assert(not poor.reliable and poor:verdict():find "share ancestors")
os.execute(("rm -rf '%s'"):format(folder))
