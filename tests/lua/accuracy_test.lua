-- SPDX-License-Identifier: MIT
-- Predictive accuracy of a conjugate model, against its exact leave-one-out densities; names, factors, comparison.
local borel = require "borel"
local session = require "borel.session"
local dist, sample, observe = borel.dist, borel.sample, borel.observe
session.quiet = true

local folder = os.tmpname()
os.remove(folder)
local runs = 0
local function infer(m, data)
  runs = runs + 1
  return borel.infer(m, { data = data, draws = 2000, engine = "interpreter", out = ("%s/%d"):format(folder, runs) })
end
local function text(shape) return table.concat(shape, " ") end
local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("'%s' does not have '%s'"):format(message, pattern))
end
local function log_normal(x, mean, variance) return -0.5 * (x - mean) ^ 2 / variance - 0.5 * math.log(2 * math.pi * variance) end

-- mu ~ N(0, 3), y_i ~ N(mu, 1), one factor that is constant.
local y = { 0.3, -1.2, 0.8, 1.9, 0.1, -0.4, 1.1, 0.6, -0.9, 2.3, 0.2, -0.1 }
local n = #y
local model = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 3))
  observe("y", dist.normal(mu, 1):iid(#data), data)
  borel.factor("constant", 2.5)
end)
local fit = infer(model, y)
local total = 0
for _, x in ipairs(y) do total = total + x end

-- Exactly: mu | all but y_i ~ N(m_i, v), v = 1 / (1/9 + n - 1), m_i = v (total - y_i); y_i ~ N(m_i, sqrt(v + 1)).
local exact, v = {}, 1 / (1 / 9 + n - 1)
for i, x in ipairs(y) do exact[i] = log_normal(x, v * (total - x), v + 1) end

local ll = fit:log_likelihood()
assert(text(ll.y.shape) == "4 2000 12" and next(ll, (next(ll))) == nil)
local mu = fit:draws "mu"
for c = 1, 4 do -- the densities themselves, to rounding
  for i = 1, n do assert(math.abs(ll.y[{ c, 100, i }] - log_normal(y[i], mu[{ c, 100 }], 1)) < 1e-13) end
end

-- elpd_i = -log mean(1 / p_i), so its standard error is sd(1 / p_i) / mean(1 / p_i) / sqrt(ESS); smoothing errs less.
local loo = fit:loo()
local ess = math.min(fit:rows()[1].ess_bulk, fit:rows()[1].ess_tail)
local function relative_error(list, size)
  local sum, squares = 0, 0
  for _, r in ipairs(list) do sum = sum + r end
  for _, r in ipairs(list) do squares = squares + (r - sum / #list) ^ 2 end
  return math.sqrt(squares / (#list - 1)) / (sum / #list) / math.sqrt(size)
end
local worst, error_of_sum = 0, 0
for i = 1, n do
  local ratios = borel.exp(-ll.y[{ ":", ":", i }]):reshape({ 8000 }):totable()
  local se = relative_error(ratios, ess)
  worst, error_of_sum = math.max(worst, math.abs(loo.elpd_i[i] - exact[i]) / se), error_of_sum + se
end
assert(worst < 5, ("an element is %.1f standard errors from the exact density"):format(worst))
local sum = 0
for i = 1, n do sum = sum + exact[i] end
assert(math.abs(loo.elpd - sum) < 5 * error_of_sum)
assert(loo.reliable and loo.count == n and loo.draws == 8000 and #loo.problems == 0)
assert(math.abs(loo.k_limit - 0.7) < 1e-12 and loo.elements[3] == "y[3]" and borel.maximum(loo.k) < 0.7)
-- Standard error of elpd: sqrt(n) times the sample standard deviation of the elements.
local mean, squares = loo.elpd / n, 0
for i = 1, n do squares = squares + (loo.elpd_i[i] - mean) ^ 2 end
assert(math.abs(loo.se - math.sqrt(n * squares / (n - 1))) < 1e-12)

-- WAIC exactly: lppd_i = log N(y_i; m, v + 1) and p_i = Var((y_i - mu)^2 / 2) = v^2 / 2 + v (y_i - m)^2 under mu ~ N(m, v).
local waic = fit:waic()
local V = 1 / (1 / 9 + n)
for i = 1, n do
  local gap = (y[i] - V * total) ^ 2
  local p = V * V / 2 + V * gap
  local terms, likelihood = {}, borel.exp(ll.y[{ ":", ":", i }]):reshape({ 8000 }):totable()
  local list, centre = ll.y[{ ":", ":", i }]:reshape({ 8000 }):totable(), 0
  for _, x in ipairs(list) do centre = centre + x / #list end
  for k, x in ipairs(list) do terms[k] = (x - centre) ^ 2 end
  local se = p * relative_error(terms, ess)
  assert(math.abs(waic.p_i[i] - p) < 5 * se, ("p of element %d: %g, not %g"):format(i, waic.p_i[i], p))
  local lppd = log_normal(y[i], V * total, V + 1)
  assert(math.abs(waic.elpd_i[i] + waic.p_i[i] - lppd) < 5 * relative_error(likelihood, ess))
end
assert(loo:summary():find "not counted: constant %(.*accuracy_test.lua:%d+%)", loo:summary())
assert(loo:summary():find "reliable: no k above 0.70" and waic:summary():find "WAIC of 12 observations")
assert(tostring(loo) == loo:summary(), "print shows the summary")

-- ---- names ------------------------------------------------------------------------------------------------------------

-- A loop, a plate, calls and observations without a name are the same numbers of the same draws.
local in_call = borel.model(function(m, x) observe("y", dist.normal(m, 1), x) end)
for name, other in pairs {
  loop = function(m, data) for i, x in ipairs(data) do observe({ "y", i }, dist.normal(m, 1), x) end end,
  nameless = function(m, data) for _, x in ipairs(data) do observe(dist.normal(m, 1), x) end end,
  plate = function(m, data) borel.plate("i", #data, function() observe("y", dist.normal(m, 1), data) end) end,
  call = function(m, data) for i, x in ipairs(data) do borel.call({ "part", i }, in_call, m, x) end end,
} do
  local result = fit:loo(borel.model(function(data) other(sample("mu", dist.normal(0, 3)), data) end))
  assert(result.count == n, name)
  for i = 1, n do assert(math.abs(result.elpd_i[i] - loo.elpd_i[i]) < 1e-12, name) end
end
-- Values that are vectors count once each; several observed sites are chosen by name; discrete sites are read.
dist.define {
  name = "two_values", params = { "m" }, event = function() return { 2 } end, support = borel.support.real,
  logdensity = function(x, m) return -0.5 * borel.sum((x - m) * (x - m)) - math.log(2 * math.pi) end,
}
local several = borel.model(function(data)
  local mu_, z = sample("mu", dist.normal(0, 3)), sample("z", dist.bernoulli(0.5))
  observe("y", dist.two_values(mu_):iid(6), data)
  observe("b", dist.bernoulli(borel.where(z:eq(1), 0.9, 0.2)), 1)
end)
local joint = borel.infer(several, { data = borel.array(y):reshape { 6, 2 }, draws = 100, warmup = 100,
  kernel = borel.random_walk { move = "all" }, engine = "interpreter", out = folder .. "/several" })
ll = joint:log_likelihood()
assert(text(ll.y.shape) == "4 100 6" and text(ll.b.shape) == "4 100 1")
for i = 1, 100 do
  local p = joint:draws("z")[{ 2, i }] == 1 and 0.9 or 0.2
  assert(math.abs(ll.b[{ 2, i, 1 }] - math.log(p)) < 1e-15)
end
assert(joint:loo({ sites = { "y" } }).count == 6 and joint:loo().count == 7)
fails("fit:loo: the model observes no 'x'; did you mean", joint.loo, joint, { sites = { "x" } })

-- A factor that is a likelihood counts as the law does that it is written for: the same mixture by hand, as a vector, in a
-- loop, in a plate.
local function mixture_of(term)
  return borel.model(function(data)
    local m = sample("m", dist.normal(0, 3))
    local function log_p(x)
      return borel.log_sum_exp(math.log(0.3) + dist.normal(m, 1):logdensity(x), math.log(0.7) + dist.normal(0, 2):logdensity(x))
    end
    term(data, log_p, m)
    borel.factor("prior of m", -0.5 * borel.abs(m))
  end)
end
local by_law = infer(mixture_of(function(data, _, m)
  observe("y", dist.mixture({ 0.3, 0.7 }, { dist.normal(m, 1), dist.normal(0, 2) }):iid(#data), data)
end), y)
local likelihood = { likelihood = true }
local by_hand = {
  vector = function(data, log_p) borel.factor("y", log_p(borel.array(data)), likelihood) end,
  loop = function(data, log_p)
    for i = 1, #data do borel.factor({ "y", i }, log_p(data[i]), likelihood) end
  end,
  plate = function(data, log_p)
    borel.plate("row", #data, function(i) borel.factor("y", log_p(borel.array(data)[i]), likelihood) end)
  end,
}
local expected = { loo = by_law:loo(), waic = by_law:waic() }
for how, term in pairs(by_hand) do
  for kind, law_says in pairs(expected) do
    local hand_says = by_law[kind](by_law, mixture_of(term), { data = y }) -- at the same draws
    assert(hand_says.count == n and hand_says.elements[3] == "y[3]", how)
    assert(hand_says:summary():find "not counted: prior of m", hand_says:summary())
    for i = 1, n do assert(math.abs(hand_says.elpd_i[i] - law_says.elpd_i[i]) < 1e-11 * math.abs(law_says.elpd_i[i]), how) end
  end
end
-- Its density is that of the law, too, and it is not counted twice.
local drawn = infer(mixture_of(by_hand.vector), y)
assert(math.abs(drawn:rows()[1].mean - by_law:rows()[1].mean) < 5 * math.sqrt(2) * by_law:rows()[1].mcse_mean)
assert(text(drawn:log_likelihood().y.shape) == "4 2000 12")

-- An observation that some draws rule out has no elpd, and it is named.
local bounded = infer(borel.model(function(data)
  local top = sample("top", dist.uniform(0, 10))
  observe("y", dist.uniform(0, top):iid(#data), data)
end), { 1.0, 2, 3 })
local broken = bounded:loo(nil, { data = { 1.0, 2, 4 } })
assert(broken.elpd ~= broken.elpd and not broken.reliable and broken.elpd_i[1] == broken.elpd_i[1])
assert(broken:summary():find "elpd is not defined" and broken:summary():find "unreliable, k above 0.70: y%[3%]")

-- An unknown that borel.condition has set is no observation.
local set = infer(borel.condition(borel.model(function(data)
  local a, b = sample("a", dist.normal(0, 1)), sample("b", dist.normal(0, 1))
  observe("y", dist.normal(a + b, 1):iid(#data), data)
end), { b = 0.5 }), y)
assert(set:loo().count == #y)

-- ---- comparison ---------------------------------------------------------------------------------------------------------

local worse = infer(borel.model(function(data)
  local m = sample("mu", dist.normal(0, 3))
  observe("y", dist.normal(m, 4):iid(#data), data)
end), y)
local table_of = borel.compare { right = fit, wrong = worse }
assert(table_of.rows[1].name == "right" and table_of.rows[1].difference == 0 and table_of.rows[1].se_difference == 0)
local second = table_of.rows[2]
assert(math.abs(second.difference - (worse:loo().elpd - loo.elpd)) < 1e-10 and second.se_difference > 0)
assert(table_of:summary():find "right%s+%-%d" and table_of:summary():find "difference")
fails("LOO and WAIC cannot be compared", borel.compare, { a = fit:loo(), b = worse:waic() })
fails("have %d+ and %d+ observations", borel.compare, { a = fit, b = joint })
fails("needs at least two", borel.compare, { a = fit })
fails("'b' is no fit", borel.compare, { a = fit, b = 3 })
fails("the model observes nothing", fit.loo, fit, borel.model(function() sample("mu", dist.normal(0, 1)) end))
fails("the fit has no draws of site 'nu'", fit.loo, fit, borel.model(function() sample("nu", dist.normal(0, 1)) end))
local density = borel.infer(borel.density("gaussian", { mean = { 1 }, sd = { 1 } }),
  { draws = 50, warmup = 50, out = folder .. "/density" })
fails("the density of a plugin has no observed sites", density.loo, density)

os.execute("rm -rf '" .. folder .. "'")
