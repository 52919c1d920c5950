-- SPDX-License-Identifier: MIT
-- Every univariate law: densities against SciPy (tests/fixtures/laws), mass 1, distribution functions against
-- quadrature, samplers against distribution functions, gradients against differences in both engines, edges, errors,
-- and use as an unknown.
local borel = require "borel"
local core = require "borel.core"
local shapes = require "borel.shape"
local dist = borel.dist

local function distribution(text) return load("return " .. text, text, "t", setmetatable({}, { __index = dist }))() end

local cases = borel.read("../fixtures/laws/densities.json").cases
for _, case in ipairs(cases) do
  case.d = distribution(case.law)
  case.support = case.d:support()
end

-- The same law with other parameters, which may be unknowns.
local function with(d, args) return setmetatable({ law = d.law, args = args, batch = {} }, getmetatable(d)) end

-- ---- every law is in the table, and documented alike -----------------------------------------------------------------

local tested = {}
for _, case in ipairs(cases) do
  for name in case.law:gmatch "([%a_][%w_]*)%(" do tested[name] = true end
end
for _, family in ipairs { "real", "positive", "bounded", "counts" } do
  local source = assert(io.open(("stdlib/borel/laws/%s.lua"):format(family))):read "a"
  for comment, name in source:gmatch "\n(%-%-%- [^\n]*.-)\n%a[^\n]*\n  name = \"([%w_]+)\"" do
    if name ~= "flat" then -- improper
      assert(tested[name], name .. " is not in tests/fixtures/laws/regenerate.py")
      local start = comment:match "^.*\n%-%-%- (.*)$" or comment:sub(5)
      local usage = start:match "^([%w_]+%([%w_, ]*%)): "
      assert(usage and usage:match "^[%w_]+" == name and start:find "Density:" and start:find "Source:",
        name .. ": its comment is not like the others")
    end
  end
end

-- ---- densities --------------------------------------------------------------------------------------------------

-- SciPy's own formulas round their terms too; the largest terms here are some tens.
for _, case in ipairs(cases) do
  local xs = shapes.flat(case.x)
  for i, want in ipairs(shapes.flat(case.logdensity)) do
    local have = case.d:logdensity(xs[i])
    assert(math.abs(have - want) <= 2e-13 * (10 + math.abs(want)), ("%s at %g: %.17g, not %.17g"):format(case.law, xs[i], have, want))
  end
end

-- ---- mass ---------------------------------------------------------------------------------------------------------

-- Integral of exp(logdensity) from a to b (may be infinite) by the double exponential rule (Takahasi and Mori 1974):
-- 921 nodes, whose map takes singular ends of the density and tails that fall as powers.
local STEP = 0.01
local t = (borel.range(-460, 460) * STEP)
local inner, inner_slope = 0.5 * math.pi * borel.sinh(t), 0.5 * math.pi * borel.cosh(t)
local function integral(f, a, b)
  local x, slope
  if a == -math.huge and b == math.huge then
    x, slope = borel.sinh(inner), borel.cosh(inner) * inner_slope
  elseif b == math.huge then
    x = a + borel.exp(inner)
    slope = (x - a) * inner_slope
  elseif a == -math.huge then
    x = b - borel.exp(inner)
    slope = (b - x) * inner_slope
  else
    local share = borel.inv_logit(2 * inner)
    x = a + (b - a) * share
    slope = 2 * (b - a) * share * borel.inv_logit(-2 * inner) * inner_slope
  end
  local terms = borel.exp(f(x)) * slope
  return STEP * borel.sum(borel.where(terms:is_finite(), terms, 0.0))
end

-- Places where a density or a derivative of it jumps.
local kinks = { laplace = { 0.5 }, asymmetric_laplace = { 0.5 }, triangular = { 0.5 },
  ["generalized_pareto"] = { 0.5 - 2 / -0.3 }, ["truncated(mixture)"] = { 4 } }

local function mass_between(case, a, b)
  local d, total = case.d, 0
  local places = { a }
  for _, kink in ipairs(kinks[d.law.name] or {}) do
    if kink > a and kink < b then places[#places + 1] = kink end
  end
  places[#places + 1] = b
  for i = 2, #places do
    total = total + integral(function(x) return d.law.logdensity(x, table.unpack(d.args)) end, places[i - 1], places[i])
  end
  return total
end

local function ends(case) return case.support.low or -math.huge, case.support.high or math.huge end

-- Values of a discrete law that have all but 1e-14 of the mass.
local function listed(case)
  local s, d = case.support, case.d
  local last = s.count and s.lowest + s.count - 1 or s.lowest + 400
  local p = {}
  for x = s.lowest, last do p[#p + 1] = math.exp(d:logdensity(x)) end
  return p, s.lowest
end

for _, case in ipairs(cases) do
  if case.support.discrete then
    local p, first = listed(case)
    local total = 0
    for _, value in ipairs(p) do total = total + value end
    assert(math.abs(total - 1) < 1e-12, ("%s: mass %.15g"):format(case.law, total))
    if case.d.law.logcdf or case.d.law.logccdf then
      local below = 0
      for i = 1, math.min(#p, 30) do
        below = below + p[i]
        local x = first + i - 1
        assert(math.abs(math.exp(case.d:logcdf(x)) - below) < 1e-12, ("%s: cdf at %d"):format(case.law, x))
        assert(math.abs(math.exp(case.d:logccdf(x)) - (1 - below)) < 1e-12, ("%s: ccdf at %d"):format(case.law, x))
      end
    end
  elseif not case.law:find "^censored" then
    local low, high = ends(case)
    local total = mass_between(case, low, high)
    assert(math.abs(total - 1) < 1e-9, ("%s: mass %.12g"):format(case.law, total))
    if case.d.law.logcdf or case.d.law.logccdf then
      for _, x in ipairs(shapes.flat(case.x)) do
        local below, above = mass_between(case, low, x), mass_between(case, x, high)
        local cdf, ccdf = math.exp(case.d:logcdf(x)), math.exp(case.d:logccdf(x))
        assert(math.abs(cdf - below) < 1e-9 * (below + 1e-4), ("%s: cdf at %g: %.15g, integral %.15g"):format(case.law, x, cdf, below))
        assert(math.abs(ccdf - above) < 1e-9 * (above + 1e-4), ("%s: ccdf at %g: %.15g, integral %.15g"):format(case.law, x, ccdf, above))
      end
    end
  end
end

-- ---- samplers -----------------------------------------------------------------------------------------------------

-- Each of fewer than 90 checks fails by chance with probability 1e-6 at most: below 1e-4 together.
local FALSE_ALARM = 1e-6
local seed = 0
local function source()
  seed = seed + 1
  return core.philox(core.stream_key(20, "laws"), seed)
end

-- Kolmogorov and Smirnov's statistic; P(it exceeds t) <= 2 exp(-2 n t^2) for every n (Massart 1990).
local function check_by_rank(case, draws)
  local choice, xs, d = source(), {}, case.d
  for i = 1, draws do xs[i] = d.law.draw(choice, table.unpack(d.args)) end
  table.sort(xs)
  local u, apart = shapes.flat(borel.exp(d:logcdf(borel.array(xs) + 0.0))), 0
  for i = 1, draws do apart = math.max(apart, i / draws - u[i], u[i] - (i - 1) / draws) end
  local limit = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * draws))
  assert(apart < limit, ("%s: the draws are %.4f from the distribution function, allowed %.4f"):format(case.law, apart, limit))
end

-- Pearson's statistic of counts in cells of known probabilities; cells that expect less than 20 are joined.
local function check_by_cells(case, draws, cell_of, p)
  local choice, seen, d = source(), {}, case.d
  for i = 1, #p do seen[i] = 0 end
  for _ = 1, draws do
    local cell = cell_of(d.law.draw(choice, table.unpack(d.args)))
    assert(seen[cell], case.law .. ": a draw outside the support")
    seen[cell] = seen[cell] + 1
  end
  local statistic, cells, expected, count = 0, 0, 0, 0
  for i = 1, #p do
    expected, count = expected + p[i] * draws, count + seen[i]
    if expected >= 20 or i == #p and expected > 1 then
      statistic, cells = statistic + (count - expected) ^ 2 / expected, cells + 1
      expected, count = 0, 0
    end
  end
  assert(cells > 1, case.law)
  local tail = math.exp(borel.log_gamma_q(0.5 * (cells - 1), 0.5 * statistic))
  assert(tail > FALSE_ALARM, ("%s: Pearson's statistic of %d cells is %.1f"):format(case.law, cells, statistic))
end

for _, case in ipairs(cases) do
  local base = case.d.law
  if case.law:find "^censored" then
    local choice = source()
    local at_low = 0
    for _ = 1, 4000 do at_low = at_low + (base.draw(choice, table.unpack(case.d.args)) == -1 and 1 or 0) end
    -- five standard deviations of a binomial count with P(X <= -1) = Phi(-0.75)
    local p = math.exp(borel.std_normal_logcdf(-0.75))
    assert(math.abs(at_low - 4000 * p) < 5 * math.sqrt(4000 * p * (1 - p)))
  elseif case.support.discrete then
    local p, first = listed(case)
    check_by_cells(case, case.law:find "^truncated" and 2000 or 5000, function(x) return math.floor(x - first) + 1 end, p)
  elseif base.logcdf or base.logccdf then
    check_by_rank(case, case.law:find "^truncated" and 1500 or 5000)
  else
    local low, high = ends(case)
    local places = { low }
    for x = case.x[1], case.x[#case.x], (case.x[#case.x] - case.x[1]) / 20 do places[#places + 1] = x end
    places[#places + 1] = high
    local p = {}
    for i = 2, #places do p[i - 1] = mass_between(case, places[i - 1], places[i]) end
    check_by_cells(case, 5000, function(x)
      local cell = 1
      while x > places[cell + 1] do cell = cell + 1 end
      return cell
    end, p)
  end
end

-- ---- gradients ------------------------------------------------------------------------------------------------------

-- All laws in one model: unknowns are the values of continuous laws and every parameter that is a real number or vector;
-- each law is a term. Whole numbers stay known.
local whole = { n = true, a = true, b = true }
local unknowns, start = {}, {}
local function unknown(value)
  local list = shapes.flat(value)
  unknowns[#unknowns + 1] = { first = #start + 1, last = #start + #list }
  for _, x in ipairs(list) do start[#start + 1] = x end
  local number = type(value) == "number"
  return borel.sample({ "u", #unknowns }, number and dist.flat() or dist.flat():iid(#list))
end

local everything = borel.model(function()
  unknowns, start = {}, {}
  for k, case in ipairs(cases) do
    local args = {}
    local bounds_known = case.support.discrete or case.law:find "^censored"
    for i, arg in ipairs(case.d.args) do
      local name = case.d.law.params[i].name
      local keep = whole[name] or bounds_known and (name == "low" or name == "high")
      args[i] = keep and arg or unknown(arg + 0.0)
    end
    local d = with(case.d, args)
    local x = (case.support.discrete or case.law:find "^censored") and case.x or unknown(case.x + 0.0)
    borel.factor("case " .. k, borel.sum(d.law.logdensity(x, table.unpack(args))))
  end
end)

local traced = { native = everything:trace(nil, "native"), interpreted = everything:trace(nil, "interpreter") }
local gradient = {}
for engine, t_ in pairs(traced) do
  local value
  value, gradient[engine] = t_.target:evaluate(start, {})
  assert(value == value and #gradient[engine] == #start)
end

-- Differences of the sum over the terms: central, of fourth order, with two steps that say how good they are.
local function terms_at(i, by)
  local u = table.move(start, 1, #start, 1, {})
  u[i] = u[i] + by
  return traced.interpreted.target:terms(u, {})
end
local function difference(i, h)
  local p1, m1, p2, m2 = terms_at(i, h), terms_at(i, -h), terms_at(i, 2 * h), terms_at(i, -2 * h)
  local total = 0
  for k = 1, #p1 do
    if p1[k] ~= m1[k] then total = total + (8 * (p1[k] - m1[k]) - (p2[k] - m2[k])) / (12 * h) end
  end
  return total
end
for i = 1, #start do
  local have = gradient.interpreted[i]
  local native = gradient.native[i] -- whose loops have libmvec's functions, which are within 4 ulp of libm's
  assert(math.abs(native - have) <= 1e-13 * (1 + math.abs(have)), ("gradient %d: %.17g in native code, %.17g interpreted"):format(i,
    native, have))
  local h = 1e-3 * math.max(math.abs(start[i]), 0.1)
  local want, rougher = difference(i, h), difference(i, 2 * h)
  -- the coarser step is off by 16 times as much as the finer; rounding: 1e-16 * |terms| / h
  local allowed = math.abs(want - rougher) + 1e-9 * (1 + math.abs(want))
  local which
  for k, block in ipairs(unknowns) do
    if i >= block.first and i <= block.last then which = k end
  end
  assert(math.abs(have - want) <= allowed and allowed < 1e-4 * (1 + math.abs(want)),
    ("gradient %d (unknown %d, at %g): %.12g, differences %.12g (allowed %.3g)"):format(i, which, start[i], have, want, allowed))
end

-- ---- edges ------------------------------------------------------------------------------------------------------------

local inf = math.huge
local function density(text, x) return distribution(text):logdensity(x) end
-- Outside the support, and the limit at its ends.
for _, edge in ipairs {
  { "half_normal(2)", -1e-9, -inf }, { "half_normal(2)", 0, math.log(2 / (2 * math.sqrt(2 * math.pi))) },
  { "half_cauchy(2)", 0, math.log(1 / math.pi) }, { "half_student_t(1, 2)", 0, math.log(1 / math.pi) },
  { "exponential(2)", 0, math.log(2) }, { "exponential(2)", -1, -inf }, { "exponential(2)", inf, -inf },
  { "gamma(1, 2)", 0, math.log(2) }, { "gamma(2, 2)", 0, -inf }, { "gamma(0.5, 2)", 0, inf }, { "gamma(2, 2)", -1, -inf },
  { "weibull(1, 2)", 0, -math.log(2) }, { "weibull(2, 2)", 0, -inf }, { "weibull(0.5, 2)", 0, inf },
  { "chi_square(2)", 0, math.log(0.5) }, { "rayleigh(2)", 0, -inf }, { "lognormal(0, 1)", 0, -inf }, { "lognormal(0, 1)", -1, -inf },
  { "inverse_gamma(2, 2)", 0, -inf }, { "inverse_gaussian(2, 2)", 0, -inf }, { "frechet(2, 2)", 0, -inf },
  { "frechet(2, 2)", 1e-300, -inf },
  { "pareto(2, 3)", 2, math.log(1.5) }, { "pareto(2, 3)", 1.99, -inf }, { "pareto_type_2(1, 2, 3)", 1, math.log(1.5) },
  { "generalized_pareto(1, 2, -0.5)", 5.1, -inf }, { "generalized_pareto(1, 2, 0)", 3, -1 - math.log(2) },
  { "generalized_pareto(1, 2, 1e-9)", 3, -1 - math.log(2) }, { "generalized_pareto(1, 2, 0.5)", 0.9, -inf },
  { "uniform(-1, 3)", -1, -math.log(4) }, { "uniform(-1, 3)", 3, -math.log(4) }, { "uniform(-1, 3)", 3.1, -inf },
  { "triangular(0, 0, 2)", 0, 0 }, { "triangular(0, 2, 2)", 2, 0 }, { "triangular(0, 1, 2)", 0, -inf },
  { "triangular(0, 1, 2)", 2.1, -inf },
  { "beta(1, 1)", 0, 0 }, { "beta(1, 1)", 1, 0 }, { "beta(2, 1)", 0, -inf }, { "beta(0.5, 0.5)", 1, inf }, { "beta(2, 2)", 1.1, -inf },
  { "kumaraswamy(1, 1)", 0, 0 }, { "kumaraswamy(1, 1)", 1, 0 }, { "kumaraswamy(2, 2)", 1, -inf }, { "logit_normal(0, 1)", 1, -inf },
  { "von_mises(0, 0)", 1, -math.log(2 * math.pi) }, { "von_mises(0, 1)", 4, -inf },
  { "bernoulli(0)", 0, 0 }, { "bernoulli(0)", 1, -inf }, { "bernoulli(1)", 1, 0 }, { "bernoulli(0.5)", 2, -inf },
  { "binomial(3, 0)", 0, 0 }, { "binomial(3, 1)", 3, 0 }, { "binomial(3, 1)", 2, -inf }, { "binomial(3, 0.5)", 4, -inf },
  { "binomial(3, 0.5)", -1, -inf }, { "binomial(3, 0.5)", 1.5, -inf }, { "binomial(0, 0.5)", 0, 0 },
  { "poisson(0)", 0, 0 }, { "poisson(0)", 1, -inf }, { "poisson(2)", -1, -inf }, { "neg_binomial_2(0, 1)", 0, 0 },
  { "neg_binomial_2(0, 1)", 2, -inf }, { "geometric(1)", 0, 0 }, { "geometric(1)", 1, -inf }, { "hypergeometric(3, 2, 2)", 0, -inf },
  { "truncated(poisson(2), 0, nil)", 0, -2 }, { "truncated(poisson(2), -3, nil)", 0, -2 },
  { "truncated(exponential(2), -1, nil)", 0, math.log(2) },
  { "truncated(binomial(3, 0.5), 0, 3)", 0, math.log(0.125) }, { "truncated(discrete_uniform(1, 4), 2.5, 9)", 3, math.log(0.5) },
  { "truncated(normal(0, 1), -1/0, 0)", 0, math.log(2) - 0.5 * math.log(2 * math.pi) },
  { "zero_inflated(0, poisson(2))", 0, -2 }, { "zero_inflated(1, poisson(2))", 0, 0 }, { "zero_inflated(1, poisson(2))", 1, -inf },
  { "truncated(normal(0, 1), 0, 1)", 1.01, -inf }, { "truncated(poisson(2), 1, nil)", 0, -inf },
  { "mixture({0, 1}, {normal(0, 1), normal(5, 1)})", 5, -0.5 * math.log(2 * math.pi) },
} do
  local have, want = density(edge[1], edge[2]), edge[3]
  assert(have == want or math.abs(have - want) < 1e-8, ("%s at %g: %.17g, not %.17g"):format(edge[1], edge[2], have, want))
end
-- Distribution functions beyond the support.
for text, bounded in pairs { ["poisson(2)"] = false, ["gamma(2, 2)"] = false, ["lognormal(0, 1)"] = false, ["inverse_gamma(1, 1)"] = false,
  ["inverse_gaussian(1, 1)"] = false, ["frechet(1, 1)"] = false, ["pareto(1, 2)"] = false, ["uniform(0, 1)"] = true,
  ["binomial(3, 0.5)"] = true, ["discrete_uniform(0, 3)"] = true, ["beta(2, 2)"] = true, ["triangular(0, 0.5, 1)"] = true,
  ["loguniform(1, 2)"] = true } do
  local d = distribution(text)
  assert(d:logcdf(-1) == -inf and d:logccdf(-1) == 0, text .. " below its support")
  if bounded then assert(d:logccdf(9) == -inf and d:logcdf(9) == 0, text .. " above its support") end
end
assert(density("normal(0, 1)", 0 / 0) ~= density("normal(0, 1)", 0 / 0)) -- NaN stays one

-- Far tails and large parameters, where products would underflow and differences cancel. Values from mpmath 1.4.1.
for _, far in ipairs {
  { distribution("truncated(normal(0, 1), 40, nil)"):logdensity(40.1), -0.3154965194508846 },
  { distribution("truncated(normal(0, 1), nil, -300)"):logdensity(-300.001), 5.4037930854586871 },
  { distribution("student_t(1e12, 0, 1)"):logdensity(1.3), -1.7639385332050537 },
  { distribution("neg_binomial_2(3, 1e14)"):logdensity(4), -1.7836046756755219 },
  { distribution("exp_mod_normal(0, 1, 1e6)"):logdensity(0.3), -0.96393823320562774 },
  { distribution("von_mises(0, 1e9)"):logdensity(0), 9.4426943851435328 },
} do
  assert(math.abs(far[1] - far[2]) < 1e-9 * (1 + math.abs(far[2])), ("%.17g, not %.17g"):format(far[1], far[2]))
end

-- ---- errors -----------------------------------------------------------------------------------------------------------

local function fails(pattern, text)
  local ok, message = pcall(distribution, text)
  assert(not ok and tostring(message):find(pattern), ("%s: %s, wanted %s"):format(text, tostring(message), pattern))
end

-- A value that each check refuses, for every parameter of every law: one message with law, parameter and value.
local refused = { finite = "1/0", positive = "-1.5", nonnegative = "-1.5", probability = "1.5", fraction = "1.0", count = "2.5" }
local checked = 0
for _, case in ipairs(cases) do
  local name, list = case.law:match "^([%w_]+)%(([^{()]*)%)$"
  for i, p in ipairs(list and case.d.law.params or {}) do
    if refused[p.check] then
      local args = {}
      for word in list:gmatch "[^, ]+" do args[#args + 1] = word end
      args[i] = refused[p.check]
      fails(("^.*%s: %s is .*, must be "):format(name, p.name), ("%s(%s)"):format(name, table.concat(args, ", ")))
      args[i] = "0/0"
      fails(("%s: %s is NaN"):format(name, p.name), ("%s(%s)"):format(name, table.concat(args, ", ")))
      args[i] = "nil"
      if i == #args then fails(("%s: %s is missing"):format(name, p.name), ("%s(%s)"):format(name, table.concat(args, ", "))) end
      checked = checked + 1
    end
  end
end
assert(checked > 80)
fails("sigma is %-2 at place 2, must be positive", "normal(0, {1, -2, 3})")
fails("uniform: low is 2, must be less than high, which is 1", "uniform(2, 1)")
fails("triangular: mode is 3, must be at most high, which is 2", "triangular(0, 3, 2)")
fails("hypergeometric: n is 9, must be at most a %+ b", "hypergeometric(9, 2, 3)")
fails("cutpoints is .*, must be increasing", "ordered_logistic(0, {1, 1})")
fails("sum to 1, the sum is off by 0.1", "categorical({0.5, 0.6})")
fails("2 weights for 1 distributions", "mixture({0.5, 0.5}, {normal(0, 1)})")
fails("weights must be probabilities", "mixture({0.5, 0.6}, {normal(0, 1), normal(1, 1)})")
fails("which have other supports", "mixture({0.5, 0.5}, {normal(0, 1), gamma(1, 1)})")
fails("which have other supports", "mixture({0.5, 0.5}, {uniform(0, 1), gamma(1, 1)})")
fails("which have other supports", "mixture({0.5, 0.5}, {truncated(normal(0, 1), nil, 0), gamma(1, 1)})")
do -- one support in different words: (0, inf) three times, (0, 1) twice
  local wide = dist.define { name = "test_wide", params = {}, support = borel.support.interval(0, math.huge),
    logdensity = function(x) return -x end } ()
  local gamma, half = dist.gamma(2, 1), dist.truncated(dist.normal(0, 1), 0, nil)
  local three = dist.mixture({ 0.2, 0.3, 0.5 }, { wide, gamma, half })
  local want = math.log(0.2 * math.exp(-1.5) + 0.3 * math.exp(gamma:logdensity(1.5)) + 0.5 * math.exp(half:logdensity(1.5)))
  assert(math.abs(three:logdensity(1.5) - want) < 1e-14 and three:logdensity(-1) == -math.huge)
  -- beta(2, 1) has the density 1 there: lbeta(2, 1) is good to 2.5e-15 (1 + log 2)
  assert(math.abs(dist.mixture({ 0.5, 0.5 }, { dist.beta(2, 1), dist.uniform(0, 1) }):logdensity(0.5)) < 5e-15)
end
-- Truncated laws with extra zeros: their densities over the values 2 .. 4 sum to 1, in the ratio of the law itself.
for _, text in ipairs { "zero_inflated(0.2, poisson(3.5))", "hurdle(0.2, poisson(3.5))", "zero_inflated(0.2, binomial(12, 0.3))" } do
  local d, total, below = distribution(text), 0, 0
  local cut = dist.truncated(d, 2, 4)
  for x = 2, 4 do
    total = total + math.exp(cut:logdensity(x))
    assert(math.abs(cut:logdensity(x) - cut:logdensity(2) - d:logdensity(x) + d:logdensity(2)) < 1e-13)
  end
  assert(math.abs(total - 1) < 1e-13, text)
  for x = 0, 12 do
    below = below + math.exp(d:logdensity(x))
    assert(math.abs(math.exp(d:logcdf(x)) - below) < 1e-13 and math.abs(math.exp(d:logccdf(x)) - (1 - below)) < 1e-13, text)
  end
  assert(d:logcdf(-1) == -math.huge and d:logccdf(-1) == 0)
end
do -- the sums of a batch, with an n for each value, and the derivative by differences (h^2 and rounding: 1e-8)
  local many = dist.beta_binomial({ 3, 12, 5 }, { 2.5, 1, 0.3 }, 1.3)
  for i, n in ipairs { 3, 12, 5 } do
    local one, below = dist.beta_binomial(n, many.args[2][i], 1.3), 0
    for x = 0, n do below = below + (x <= 2 and math.exp(one:logdensity(x)) or 0) end
    assert(math.abs(math.exp(many:logcdf(2)[i]) - below) < 1e-13 and math.abs(math.exp(many:logccdf(2)[i]) - (1 - below)) < 1e-13)
  end
  local function f(a) return dist.beta_binomial(12, a, 1.3):logcdf(4) end
  assert(math.abs(borel.grad(f, 2.5) - (f(2.5 + 1e-5) - f(2.5 - 1e-5)) / 2e-5) < 1e-8)
end
-- A weight that is 0 or so small that 1 / w overflows: derivatives by everything else are those without the part.
for _, w in ipairs { 0.0, 1e-310, 5e-324 } do
  local function at(mu, weights)
    return dist.mixture(weights, { dist.normal(mu, 1), dist.normal(5 * mu, 1) }):logdensity(0.5)
  end
  local by_mu, by_w = borel.grad(at, 1.0, borel.array { w, 1.0 })
  assert(by_mu == 5 * (0.5 - 5) and by_w[1] == 0 and by_w[2] == 1, by_mu)
  local _, along = borel.jvp(at, { 1.0, borel.array { w, 1.0 } }, { 1.0, borel.array { 0.0, 0 } })
  assert(along == 5 * (0.5 - 5))
end
do -- the same through the map onto the simplex, where exp(-730) is a weight
  local function at(u, mu)
    local w = borel.support.simplex.constrain(u, { 3 })
    return dist.mixture(w, { dist.normal(mu, 1), dist.normal(5, 1), dist.normal(1, 1) }):logdensity(0.5)
  end
  for _, u in ipairs { -709, -720, -730, -745, -800, 709, 720, 730, 745, 800 } do
    local by_u, by_mu = borel.grad(at, borel.array { u + 0.0, 0.3 }, 0.2)
    for _, g in ipairs { by_u[1], by_u[2], by_mu } do assert(g - g == 0, ("%g at u = %g"):format(g, u)) end
  end
end
fails("apply :iid%(n%) to the mixture", "mixture({0.5, 0.5}, {normal(0, 1):iid(2), normal(1, 1)})")
fails("at least one bound", "truncated(normal(0, 1))")
fails("low is 2, must be less than high, which is 1", "truncated(normal(0, 1), 2, 1)")
fails("gives no probability to the interval from %-3 to %-2", "truncated(gamma(1, 1), -3, -2)")
fails("skew_normal has no distribution function", "truncated(skew_normal(0, 1, 1), 0)")
fails("needs a distribution, got a number", "truncated(3, 0)")
fails("needs a law of counts", "zero_inflated(0.1, normal(0, 1))")
fails("needs a law of counts", "hurdle(0.1, ordered_logistic(0, {1}))")
fails("ordered or restricted", "truncated(normal(0, 1):iid(2):ordered(), 0)")

local ok, message = pcall(borel.check, borel.model(function() borel.sample("x", dist.censored(dist.normal(0, 1), 0)) end))
assert(not ok and message:find "censored%(normal%) is a law of observed values", message)
for _, base in ipairs { dist.normal(3, 1), dist.poisson(3), dist.binomial(9, 0.4) } do -- values beyond a bound are mistakes
  local d = dist.censored(base, 1, 4)
  assert(d:logdensity(0) == -math.huge and d:logdensity(7) == -math.huge and d:logdensity(4) > -2, base.law.name)
end
for text, want in pairs { ["censored(poisson(3), 1.5)"] = "low is 1.5, must be whole",
  ["censored(normal(0, 1), 2, 1)"] = "low is 2, must be less than high" } do
  ok, message = pcall(distribution, text)
  assert(not ok and message:find(want, 1, true), message)
end

-- ---- batches --------------------------------------------------------------------------------------------------------------

-- A batch is its elements: log-densities and shapes of arrays of parameters.
local function element(x, i) return type(x) == "number" and x or x[i] end
for _, batch in ipairs {
  { function(i) return dist.truncated(dist.normal(i({ -1, 0, 3 }), i(2)), i({ -2, 0, 1 }), nil) end, { 0.5, 0.7, 1.2 } },
  { function(i) return dist.truncated(dist.gamma(i({ 1, 2, 3 }), 1.5), 0.1, i({ 2, 3, 4 })) end, { 0.5, 0.7, 1.2 } },
  { function(i) return dist.zero_inflated(i({ 0.1, 0.2, 0.3 }), dist.poisson(2)) end, { 0, 1, 0 } },
  { function(i) return dist.mixture({ 0.2, 0.8 }, { dist.normal(i({ 0, 1, 2 }), 1), dist.normal(3, i({ 1, 2, 3 })) }) end, { 0, 1, 2.5 } },
  { function(i) return dist.ordered_probit(i({ 0, 1, 2 }), { -1, 0, 1 }) end, { 1, 4, 2 } },
  { function(i) return dist.ordered_logistic(i({ 0, 1, 2 }), i({ { -1, 0, 1 }, { -2, 0.5, 2 }, { 0, 1, 5 } })) end, { 1, 4, 2 } },
  { function(i) return dist.ordered_probit(0.3, i({ { -1, 0, 1 }, { -2, 0.5, 2 }, { 0, 1, 5 } })) end, { 3, 1, 4 } },
  { function(i) return dist.binomial(i({ 3, 5, 7 }), i({ 0.1, 0.5, 0.9 })) end, { 3, 0, 7 } },
  { function(i) return dist.hypergeometric(i({ 3, 5, 7 }), 6, i({ 3, 5, 7 })) end, { 3, 1, 4 } },
} do
  local all, x = batch[1](function(v) return type(v) == "table" and borel.array(v) or v end), borel.array(batch[2])
  assert(shapes.text(all:shape()) == "[3]" and shapes.text(all:iid(4):shape()) == "[4, 3]")
  local lp = all:logdensity(x)
  for k = 1, 3 do
    local one = batch[1](function(v) return element(v, k) end)
    assert(math.abs(lp[k] - one:logdensity(x[k])) < 1e-14 * (10 + math.abs(lp[k])), all.law.name)
  end
  local drawn = all:iid(20):draw(source())
  assert(shapes.text(drawn.shape) == "[20, 3]" and shapes.all_true(all:contains(drawn)), all.law.name)
end
local by_row = dist.mixture({ { 0.2, 0.8 }, { 0.5, 0.5 } }, { dist.normal(0, 1), dist.normal(3, 1) })
local lp_rows = by_row:logdensity { 1, 2 }
assert(math.abs(lp_rows[1] - density("mixture({0.2, 0.8}, {normal(0, 1), normal(3, 1)})", 1)) < 1e-14)
assert(math.abs(lp_rows[2] - density("mixture({0.5, 0.5}, {normal(0, 1), normal(3, 1)})", 2)) < 1e-14)
-- A mixture of vectors, with a mean and a covariance for each of a batch.
local centres, spreads = borel.array { { 0, 1 }, { 2, 3 } }, borel.array { { { 1, 0.2 }, { 0.2, 2 } }, { { 2, 0 }, { 0, 1 } } }
local clusters = dist.mixture({ 0.3, 0.7 }, { dist.multi_normal(centres, spreads), dist.multi_normal({ 3, 1 }, spreads[2]) })
local at = borel.array { { 1, 0.5 }, { 0, 2 } }
local lp_clusters = clusters:logdensity(at)
for k = 1, 2 do
  local first = dist.multi_normal(centres[k], spreads[k]):logdensity(at[k])
  local second = dist.multi_normal({ 3, 1 }, spreads[2]):logdensity(at[k])
  assert(math.abs(lp_clusters[k] - math.log(0.3 * math.exp(first) + 0.7 * math.exp(second))) < 1e-13)
end
assert(shapes.text(clusters:iid(3):shape()) == "[3, 2, 2]" and shapes.text(clusters:iid(3):draw(source()).shape) == "[3, 2, 2]")
assert(pcall(distribution, "binomial({3, 5}, 0.5)") and not pcall(distribution, "binomial({3, -5}, 0.5)"))

-- -(1 + xi) log(1 + 2 xi) / xi = -2 + O(xi^2)
assert(borel.grad(function(xi) return dist.generalized_pareto(0, 1, xi):logdensity(2) end, 0) == 0)

-- ---- unknowns -----------------------------------------------------------------------------------------------------------

-- Each law as an unknown of a model: the traced graph agrees with the plain run at draws from the law. Laws without a
-- largest value cannot be unknowns of this kind of inference, so they are observed.
local as_sites = borel.model(function()
  for k, case in ipairs(cases) do
    local s = case.support
    if case.law:find "^censored" or s.discrete and not s.count then
      borel.observe({ "y", k }, case.d:iid(#case.x), case.x)
    else
      borel.sample({ "x", k }, case.d)
    end
  end
end)
local about = borel.check(as_sites)
assert(#about.warnings == 0 and #about.terms == #cases, table.concat(about.warnings, "\n"))

-- Means and standard deviations of unknowns by NUTS, whose bounds and parameters may depend on each other.
local session = require "borel.session"
session.quiet = true
local folder = os.tmpname()
os.remove(folder)
local moments = {
  g = { dist.gamma(2.5, 0.7), 2.5 / 0.7, math.sqrt(2.5) / 0.7 },
  w = { dist.weibull(2, 3), 3 * math.sqrt(math.pi) / 2, 3 * math.sqrt(1 - math.pi / 4) },
  l = { dist.lognormal(0.2, 0.5), math.exp(0.325), math.sqrt((math.exp(0.25) - 1) * math.exp(0.65)) },
  i = { dist.inverse_gamma(8, 7), 1, math.sqrt(1 / 6) },
  b = { dist.beta_proportion(0.3, 6), 0.3, math.sqrt(0.3 * 0.7 / 7) },
  s = { dist.skew_normal(0, 1, 2), math.sqrt(2 / math.pi) * 2 / math.sqrt(5), math.sqrt(1 - 2 / math.pi * 0.8) },
  o = { dist.logistic(1, 2), 1, 2 * math.pi / math.sqrt(3) },
  r = { dist.truncated(dist.normal(0, 1), 0, nil), math.sqrt(2 / math.pi), math.sqrt(1 - 2 / math.pi) },
  m = { dist.mixture({ 0.4, 0.6 }, { dist.normal(-1, 1), dist.normal(1, 1) }), 0.2, math.sqrt(1 + 0.96) },
  t = { dist.triangular(0, 1, 2), 1, math.sqrt(1 / 6) },
}
local fit = borel.infer(borel.model(function()
  for name, law in pairs(moments) do borel.sample(name, law[1]) end
  local high = borel.sample("high", dist.uniform(1, 2))
  borel.sample("below", dist.truncated(dist.exponential(1), nil, high))
end), { draws = 2500, out = folder })
-- Five standard errors: 22 comparisons fail by chance with probability 22 * 6e-7.
for _, row in ipairs(fit:rows()) do
  local want = moments[row.name]
  if want then
    assert(math.abs(row.mean - want[2]) < 5 * row.mcse_mean, ("%s: mean %g, not %g"):format(row.name, row.mean, want[2]))
    assert(math.abs(row.sd - want[3]) < 5 * row.mcse_sd, ("%s: sd %g, not %g"):format(row.name, row.sd, want[3]))
  elseif row.name == "high" then
    -- the prior of `high` is not changed by the truncated law below it, which is normalised
    assert(math.abs(row.mean - 1.5) < 5 * row.mcse_mean, ("high: mean %g"):format(row.mean))
  end
end
os.execute("rm -rf '" .. folder .. "'")

-- Bounds at the ends of the support and beyond: the density is that of the law, and models with such data start.
do
  local beyond = math.huge
  local function same(d, plain, x) assert(math.abs(d:logdensity(x) - plain:logdensity(x)) < 1e-14, tostring(d)) end
  same(dist.truncated(dist.lognormal(0, 1), 0), dist.lognormal(0, 1), 2)
  same(dist.censored(dist.gamma(2, 1), 0), dist.gamma(2, 1), 2)
  same(dist.truncated(dist.poisson(3), nil, beyond), dist.poisson(3), 2)
  local mixed = dist.truncated(dist.poisson(3), nil, borel.array { beyond, 5 }):logdensity { 4, 4 }
  same(dist.poisson(3), { logdensity = function() return mixed[1] end }, 4)
  same(dist.truncated(dist.poisson(3), nil, 5), { logdensity = function() return mixed[2] end }, 4)
  local seen = borel.model(function()
    local scale = borel.sample("scale", dist.gamma(2, 1))
    borel.observe("t", dist.censored(dist.weibull(1.5, scale), nil, borel.array { beyond, 2, beyond }), { 1, 2, 0.5 })
  end)
  assert(borel.check(seen).D == 1)
  local seen_trace = seen:trace(nil, "interpreter")
  local _, slope = seen_trace.target:evaluate({ 0.3 }, {})
  assert(slope[1] == slope[1], "the gradient is NaN")
end
