-- SPDX-License-Identifier: MIT
-- Models to posteriors: engines agree, sizes need no compiler, kernels find known moments, fits read back.
local borel = require "borel"
local core = require "borel.core"
local session = require "borel.session"
local dist, sample, observe = borel.dist, borel.sample, borel.observe
session.quiet = true

local folder = os.tmpname()
os.remove(folder)
local runs = 0
local function out()
  runs = runs + 1
  return ("%s/%d"):format(folder, runs)
end

-- A mean within five Monte Carlo standard errors (and the exact sd likewise).
local function expect(fit, name, mean, sd)
  for _, row in ipairs(fit:rows()) do
    if row.name == name then
      assert(math.abs(row.mean - mean) < 5 * row.mcse_mean, ("%s: mean %g, not %g (MCSE %g)"):format(name, row.mean, mean, row.mcse_mean))
      if sd then assert(math.abs(row.sd - sd) < 5 * row.mcse_sd, ("%s: sd %g, not %g"):format(name, row.sd, sd)) end
      return
    end
  end
  error("no value " .. name)
end

-- ---- other sizes and other numbers need no compiler -----------------------------------------------------------

local regression = borel.model(function(data)
  local a, b = sample("a", dist.normal(0, 10)), sample("b", dist.normal(0, 10))
  local s = sample("s", dist.half_normal(5))
  observe("y", dist.normal(a + b * data.x, s), data.y)
end)
local function line(n)
  local x = borel.range(1, n):to "f64" / n
  return { x = x, y = 1 + 2 * x + 0.1 * borel.sin(100 * x) }
end
borel.check(regression, line(50))
local before = core.compile_count()
for _, n in ipairs { 17, 50, 100, 1000, 20000 } do borel.check(regression, line(n)) end
assert(core.compile_count() == before, "a new N called the compiler")
-- The same for a plain loop over time.
local loop = borel.model(function(data)
  local a, s = sample("a", dist.normal(0, 1)), sample("s", dist.half_normal(1))
  for t = 2, #data.y do observe(dist.normal(a * data.y[t - 1], s), data.y[t]) end
end)
borel.check(loop, line(40))
before = core.compile_count()
for _, n in ipairs { 30, 300 } do
  local about = borel.check(loop, line(n))
  assert(about.rerolled == n - 1, "the loop was not re-rolled")
end
assert(core.compile_count() == before, "a longer loop called the compiler")

-- ---- engines give the same bits ----------------------------------------------------------------------------------

local fits = {}
for _, engine in ipairs { "native", "interpreter" } do
  fits[engine] = borel.infer(regression, { data = line(60), chains = 2, draws = 200, warmup = 200, engine = engine, out = out() })
end
for _, name in ipairs { "a", "b", "s" } do
  local x, y = fits.native:draws(name):reshape { 400 }, fits.interpreter:draws(name):reshape { 400 }
  for i = 1, 400 do assert(x[i] == y[i], ("draw %d of %s: %.17g in native code, %.17g interpreted"):format(i, name, x[i], y[i])) end
end

-- ---- kernels and supports, against moments known exactly -----------------------------------------------------------

local known = borel.model(function(data)
  local mu = sample("mu", dist.normal(1, 2))
  observe("y", dist.normal(mu, 1):iid(#data.y), data.y)
  sample("u", dist.uniform(2, 5))
  sample("b", dist.beta(2, 3))
  sample("e", dist.exponential(2))
  sample("t", dist.student_t(8, 1, 2))
  sample("h", dist.half_normal(3))
  sample("o", dist.normal(0, 1):iid(2):ordered())
  local low = sample("low", dist.uniform(0, 1))
  sample("high", dist.uniform(low, 2)) -- bounds that depend on another unknown
end)
local data = { y = { 2.0, 3.0, 2.5 } }
local post_var = 1 / (1 / 4 + 3)
local post_mean = post_var * (1 / 4 + 7.5)
local moments = {
  mu = { post_mean, math.sqrt(post_var) }, u = { 3.5, math.sqrt(9 / 12) }, b = { 0.4, 0.2 }, e = { 0.5, 0.5 },
  t = { 1, 2 * math.sqrt(8 / 6) }, h = { 3 * math.sqrt(2 / math.pi), 3 * math.sqrt(1 - 2 / math.pi) },
  ["o[1]"] = { -1 / math.sqrt(math.pi), math.sqrt(1 - 1 / math.pi) }, ["o[2]"] = { 1 / math.sqrt(math.pi), math.sqrt(1 - 1 / math.pi) },
  low = { 0.5, math.sqrt(1 / 12) }, high = { 1.25 },
}
for name, kernel in pairs { fisher = borel.nuts {}, variance = borel.nuts { metric = "variance" } } do
  local fit = borel.infer(known, { data = data, kernel = kernel, draws = 4000, out = out() })
  assert(#fit.problems == 0, name .. ": " .. fit:verdict())
  for site, want in pairs(moments) do expect(fit, site, want[1], want[2]) end
end

local simple = borel.model(function(d)
  local mu = sample("mu", dist.normal(1, 2))
  observe("y", dist.normal(mu, 1):iid(#d.y), d.y)
end)
local walk = borel.infer(simple, { data = data, kernel = borel.random_walk {}, draws = 20000, out = out() })
expect(walk, "mu", post_mean, math.sqrt(post_var))

-- A scalar site has the methods of a symbolic value in the plain run too.
borel.check(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  borel.factor("f", borel.where(x:gt(0) & x:lt(2), x:exp(), 0))
end))

-- A scale that may turn negative: said, and taken as impossible.
local truncated = borel.check(borel.model(function()
  local s = sample("s", dist.normal(0, 1))
  observe("y", dist.normal(0, s), 1)
end))
assert(truncated.warnings[1]:find "y %(.*model_test.lua:%d+%) is not a number at %d of 3 points", truncated.warnings[1])

-- ---- discrete unknowns: the kernel is chosen, the measure is exact ----------------------------------------------------

local coins = borel.model(function()
  local x = sample("x", dist.bernoulli(1 / 3))
  local y = sample("y", dist.bernoulli(borel.where(borel.eq(x, 1), 3 / 4, 1 / 4)))
  borel.factor(borel.where(borel.eq(y, 1), math.log(2), math.log(1 / 2)))
end)
local fit = borel.infer(coins, { draws = 20000, out = out() })
assert(fit.manifest.kernel.name == "gibbs")
expect(fit, "x", (1 / 24 + 1 / 2) / (9 / 8))
expect(fit, "y", (1 / 3 + 1 / 2) / (9 / 8))

-- Both kinds: y | z ~ N(z, 2) without x, and x | z, y = 1 has mean (z + 1) / 2.
local noisy_coin = borel.model(function()
  local z = sample("z", dist.bernoulli(0.3))
  observe("y", dist.normal(sample("x", dist.normal(z, 1)), 1), 1)
end)
fit = borel.infer(noisy_coin, { draws = 20000, kernel = borel.random_walk { move = "all" }, out = out() })
local heads = 0.3 / (0.3 + 0.7 * math.exp(-1 / 4))
expect(fit, "z", heads)
expect(fit, "x", (heads + 1) / 2)

-- One chain: judged by R-hat of its halves, and told apart from several.
fit = borel.infer(borel.model(function() sample("x", dist.normal(0, 1)) end), { chains = 1, draws = 2000, out = out() })
assert(fit.reliable and math.abs(fit:rows()[1].rhat - 1) < 0.01, fit:verdict())
assert(fit:verdict():find "note: R%-hat of one chain compares its halves; only several chains can show" and #fit:report().notes == 1)
assert(not borel.open(fits.native.directory):verdict():find "one chain")

-- ---- a density plugin, a law of one's own -----------------------------------------------------------------------------

fit = borel.infer(borel.density("gaussian", { mean = { 1, -2 }, sd = { 0.5, 3 } }), { draws = 4000, out = out() })
expect(fit, "x[1]", 1, 0.5)
expect(fit, "x[2]", -2, 3)

dist.define {
  name = "two_sided", params = { "mu", { name = "b", check = "positive" } }, support = borel.support.real,
  logdensity = function(x, mu, b) return -borel.abs(x - mu) / b - borel.log(2 * b) end,
}
fit = borel.infer(borel.model(function() sample("x", dist.two_sided(1, 2)) end), { draws = 4000, out = out() })
expect(fit, "x", 1, 2 * math.sqrt(2))

-- ---- fits -----------------------------------------------------------------------------------------------------------------

fit = borel.open(fits.native.directory)
assert(fit.finished and fit.draw_count == 200 and fit.chain_count == 2)
assert(table.concat(fit:draws("a").shape, " ") == "2 200" and #fit:rows() == 3)
assert(table.concat(fit:info("energy").shape, " ") == "2 200")
assert(fit:summary():find "ESS bulk" and fit:verdict():find "run directory")
assert(fit:summary "a":find "\na " and not fit:summary "a":find "\nb ")
local listed, said = pcall(fit.summary, fit, { "aa" })
assert(not listed and said:find "the run has no value 'aa'; did you mean 'a'", said)
local ok, message = pcall(fit.draws, fit, "aa")
assert(not ok and message:find "has no value 'aa'; did you mean 'a'", message)

os.execute("rm -rf '" .. folder .. "'")
