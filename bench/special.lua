-- SPDX-License-Identifier: MIT
-- lgamma and its kin in loops over 1000 rows: nanoseconds an element for value and derivative of a sum of one function, and
-- microseconds for value and gradient of likelihoods. Native code, best of several.
local borel = require "borel"
local core = require "borel.core"
local dist = borel.dist
local sample, observe, factor = borel.sample, borel.observe, borel.factor

local N, REPEATS, ROUNDS = 1000, 10, 300
local counts, x, positive, trials = {}, {}, {}, {}
for i = 1, N do
  counts[i], trials[i] = math.floor(6 + 5 * math.sin(1.7 * i)), 14
  x[i], positive[i] = math.sin(0.9 * i), 9 + 8.99 * math.sin(2.3 * i)
end
counts, x, positive, trials = borel.array(counts), borel.array(x), borel.array(positive), borel.array(trials)

local function sum_of(f)
  return function() factor(borel.sum(f(sample("a", dist.half_normal(1)) + positive))) end
end

local function line() return sample("b", dist.normal(0, 1)) + sample("c", dist.normal(0, 1)) * x end

local cases = {
  { "lgamma_digamma", N, sum_of(core.lgamma) },
  { "digamma_trigamma", N, sum_of(core.digamma) },
  { "gamma", 1, function() observe(dist.gamma(sample("a", dist.half_normal(1)), sample("r", dist.half_normal(1))):iid(N), positive) end },
  { "gamma_shape_by_row", 1, function() observe(dist.gamma(core.exp(line()), 1), positive) end },
  { "poisson_log", 1, function() observe(dist.poisson_log(line()), counts) end },
  { "neg_binomial_2_log", 1,
    function() observe(dist.neg_binomial_2_log(line(), sample("phi", dist.half_normal(1))), counts) end },
  { "beta_binomial", 1, function()
    observe(dist.beta_binomial(trials, sample("a", dist.half_normal(1)), sample("b", dist.half_normal(1))), counts)
  end },
  { "beta_by_row", 1, function()
    observe(dist.beta(core.exp(line()), 2), positive / 20)
  end },
  { "student_t", 1, function() observe(dist.student_t(1 + sample("nu", dist.half_normal(1)), line(), 1), x) end },
}

for _, case in ipairs(cases) do
  local name, per, fn = table.unpack(case)
  local traced = borel.model(fn):trace({}, "native")
  local u, best = {}, math.huge
  for i = 1, traced.target:describe().D do u[i] = 0.3 * math.sin(i) end
  for _ = 1, ROUNDS do
    local _, _, seconds = traced.target:evaluate(u, {}, REPEATS)
    best = math.min(best, seconds / REPEATS)
  end
  local value = traced.target:evaluate(u, {})
  print(("FIGURE special_%s_%s %.2f"):format(name, per == 1 and "us" or "ns", (per == 1 and 1e6 or 1e9) * best / per), value)
end
