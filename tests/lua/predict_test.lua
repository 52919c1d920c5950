-- SPDX-License-Identifier: MIT
-- Simulation and prediction: moments known exactly, streams that do not shift, what is kept and what is refused.
local borel = require "borel"
local session = require "borel.session"
local dist, sample, observe, deterministic = borel.dist, borel.sample, borel.observe, borel.deterministic
session.quiet = true

local folder = os.tmpname()
os.remove(folder)
local function text(shape) return table.concat(shape, " ") end
local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("'%s' does not have '%s'"):format(message, pattern))
end
local function flat(x) return x:reshape({ x.size }):totable() end
-- Mean and variance of draws that are independent but for a factor `share` of their number, within five standard errors:
-- sd / sqrt(n), and for the variance of normal draws sd^2 sqrt(2 / n).
local function expect(what, x, mean, sd, share)
  local list, sum, squares = flat(x), 0, 0
  local n = #list
  for _, v in ipairs(list) do sum = sum + v end
  for _, v in ipairs(list) do squares = squares + (v - sum / n) ^ 2 end
  local effective = n * (share or 1)
  assert(math.abs(sum / n - mean) < 5 * sd / math.sqrt(effective), ("%s: mean %g, not %g"):format(what, sum / n, mean))
  local variance = squares / (n - 1)
  assert(math.abs(variance - sd ^ 2) < 5 * sd ^ 2 * math.sqrt(2 / effective), ("%s: variance %g, not %g"):format(what, variance, sd ^ 2))
end

-- ---- simulation -----------------------------------------------------------------------------------------------------

-- mu ~ N(1, 2), y_i ~ N(mu, 1): marginally y ~ N(1, sqrt 5).
local normal = borel.model(function(data)
  local mu = sample("mu", dist.normal(1, 2))
  observe("y", dist.normal(mu, 1):iid(data.n), data.y)
  deterministic("cube", mu * mu * mu)
  return mu, "done"
end)
local s = borel.simulate(normal, { data = { n = 3 }, draws = 2000, seed = 7 })
assert(text(s:draws("mu").shape) == "2000" and text(s:draws("y").shape) == "2000 3" and text(s.names) == "mu y cube")
expect("mu", s:draws "mu", 1, 2)
expect("y", s:draws("y")[{ ":", 2 }], 1, math.sqrt(5))
for i = 1, 10 do
  local mu = s:draws("mu")[i]
  assert(s:draws("cube")[i] == mu * mu * mu and s:returned()[i] == mu and s:returned(2)[i] == "done")
end
-- Run k of a seed is the same whatever else is drawn; other seeds give other runs.
local short = borel.simulate(normal, { data = { n = 3 }, draws = 5, seed = 7, sites = { "y" } })
for i = 1, 5 do assert(short:draws("y")[{ i, 3 }] == s:draws("y")[{ i, 3 }]) end
assert(borel.simulate(normal, { data = { n = 3 }, draws = 1 }):draws("mu")[1] ~= s:draws("mu")[1])
-- Its summary: what :draws gives, by element; quantiles as borel.quantile has them.
do
  local rows = s:rows()
  assert(#rows == 5 and rows[3].name == "y[2]" and rows[3].value == "y")
  local y2 = s:draws("y")[{ ":", 2 }]
  assert(rows[3].mean == borel.mean(y2) and rows[3].sd == borel.sd(y2) and rows[3].q95 == borel.quantile(y2, 0.95))
  local lines = {}
  for line in s:summary({ "mu", "y[2]" }):gmatch "[^\n]+" do lines[#lines + 1] = line end
  assert(#lines == 4 and lines[1]:find "mean +sd +5 %% +50 %% +95 %%" and lines[2]:find "^mu " and lines[3]:find "^y%[2%] ", lines[2])
  assert(lines[4] == "2000 draws" and select(2, s:summary "y":gsub("\n", "")) == 4)
  fails("summary: the run has no value 'cub'; did you mean 'cube'", s.summary, s, "cub")
  local once = borel.simulate(normal, { data = { n = 1 }, draws = 1 })
  assert(once:summary "mu":find "\nmu +%S+ +%- " and once:summary():find "1 draw$")
  local flags = borel.simulate(borel.model(function() deterministic("up", sample("x", dist.normal(0, 1)):gt(0)) end), { draws = 9 })
  assert(flags:rows()[2].name == "up" and flags:rows()[2].mean <= 1)
end
fails("borel.simulate called inside a model", borel.simulate, borel.model(function() borel.simulate(normal) end))
fails("has no value 'mu'", short.draws, short, "mu")
fails("has no value 'cub'; did you mean 'cube'", s.draws, s, "cub")
fails("borel.simulate: the model has no value 'nu'; did you mean 'mu'", borel.simulate, normal, { data = { n = 1 }, sites = { "nu" } })
fails("option 'draws' is 0", borel.simulate, normal, { draws = 0 })
fails("site 'x': flat cannot be drawn from: it is no probability", borel.simulate, borel.model(function() sample("x", dist.flat()) end))

-- A stationary series from what observe returns: y_t ~ N(0.6 y_(t-1), 0.8), variance 1.
local series = borel.model(function(data)
  local y = observe({ "y", 1 }, dist.normal(0, 1), data.y and data.y[1])
  for t = 2, 30 do y = observe({ "y", t }, dist.normal(0.6 * y, 0.8), data.y and data.y[t]) end
end)
local y = borel.simulate(series, { data = {}, draws = 1000 }):draws "y"
assert(text(y.shape) == "1000 30")
expect("y[30]", y[{ ":", 30 }], 0, 1)
expect("step", y[{ ":", 30 }] - 0.6 * y[{ ":", 29 }], 0, 0.8)

-- Missing data are no matter to a simulation; nor is it when they are not there at all.
local gaps = borel.model(function(data)
  return borel.missing("y", dist.normal(5, 1):iid(3), data.y)
end)
assert(text(borel.simulate(gaps, { data = {}, draws = 4 }):draws("y").shape) == "4 3")
assert(text(borel.simulate(gaps, { data = { y = { 1, borel.missing, 2.5 } }, draws = 4 }):returned().shape) == "4 3")

-- Data that the drawn parameters rule out are no matter either; data that no parameters allow are wrong.
local bounded = borel.model(function(data) observe("y", dist.uniform(0, sample("b", dist.uniform(0, 1))), data) end)
assert(borel.simulate(bounded, { data = 0.999999, draws = 20 }):draws("y")[20] < 1)
fails("observed 'k': value 2 of 2 is %-1, outside the support of poisson", borel.simulate, borel.model(function()
  observe("k", dist.poisson(sample("rate", dist.exponential(1))):iid(2), { 3, -1 })
end))

-- Held sites: by condition and by intervention; sites that exist in some runs only.
local held = borel.simulate(borel.condition(normal, { mu = 10 }), { data = { n = 2 }, draws = 2000 })
expect("y given mu", held:draws "y", 10, 1)
assert(held:draws("mu")[17] == 10)
local branch = borel.simulate(borel.model(function()
  if sample("b", dist.bernoulli(0.5)) == 1 then sample("x", dist.normal(0, 1)) end
end), { draws = 50 })
fails("'x' exists in %d+ of 50 draws", branch.draws, branch, "x")

-- ---- prediction -------------------------------------------------------------------------------------------------------

-- mu | y ~ N(m, v) with v = 1 / (1/4 + n), m = v (1/4 + sum y); a new value ~ N(m, sqrt(v + 1)).
local data = { n = 3, y = { 2.0, 3.0, 2.5 } }
local v = 1 / (1 / 4 + 3)
local m = v * (1 / 4 + 7.5)
local fit = borel.infer(normal, { data = data, draws = 1000, engine = "interpreter", out = folder .. "/normal" })
local share = fit:rows()[1].ess_bulk / 4000 -- draws of mu depend on each other, the noise does not
local p = fit:predict()
assert(text(p:draws("y").shape) == "4 1000 3" and text(p:returned().shape) == "4 1000")
expect("predicted y", p:draws("y")[{ ":", ":", 1 }], m, math.sqrt(v + 1), math.min(1, share))
local drawn, again = flat(fit:draws "mu"), flat(p:draws "mu")
for i = 1, 4000 do assert(drawn[i] == again[i]) end
-- New data of another size; a part of the draws is a part of all; the same seed is the same.
local few = fit:predict { data = { n = 7 }, draws = 10 }
assert(text(few:draws("y").shape) == "4 10 7")
for c = 1, 4 do
  for i = 1, 10 do
    assert(few:draws("mu")[{ c, i }] == fit:draws("mu")[{ c, 100 * i }])
    assert(few:draws("y")[{ c, i, 1 }] == p:draws("y")[{ c, 100 * i, 1 }])
  end
end
-- Another model of the same sites: further quantities, new unknowns drawn from their distribution.
local more = fit:predict(borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  deterministic("square", mu ^ 2)
  sample("new", dist.normal(mu, 3))
end), { sites = { "square", "new" } })
assert(text(more.names) == "square new")
for i = 1, 20 do assert(more:draws("square")[{ 2, i }] == fit:draws("mu")[{ 2, i }] ^ 2) end
expect("new", more:draws "new", m, math.sqrt(v + 9), math.min(1, share))
fails("the model has none of the sites of the fit %(mu%)", fit.predict, fit, borel.model(function() sample("x", dist.normal(0, 1)) end))
fails("site 'mu' has shape %[2%] with these data, the fit has draws of shape %[%]", fit.predict, fit, borel.model(function()
  sample("mu", dist.normal(0, 1):iid(2))
end))
fails("fit:predict: unknown option 'dta'", fit.predict, fit, { dta = 1 })
fails("first argument is a model", fit.predict, fit, 3)
-- A fit read from its directory needs the model.
local opened = borel.open(folder .. "/normal")
fails("was read from its directory; give the model", opened.predict, opened)
assert(opened:predict(normal, { data = data, draws = 3 }):draws("y")[{ 1, 3, 2 }] == p:draws("y")[{ 1, 1000, 2 }])

-- Discrete sites are whole numbers again, arrays and loops keep their shape; calls and plates have the same names.
local inner = borel.model(function(n)
  local z = borel.plate("i", n, function() return sample("z", dist.bernoulli(0.3)) end)
  return z, borel.array { 10, 20 }[z + 1]
end)
local mixed = borel.model(function(d)
  local z, chosen = borel.call("part", inner, 2)
  local last = sample("last", dist.categorical { 0.2, 0.8 })
  for i = 1, 2 do observe({ "y", i }, dist.bernoulli(borel.where(z[i]:eq(1), 0.9, 0.2)), d.y[i]) end
  deterministic("chosen", chosen + last)
end)
local found = borel.infer(mixed, { data = { y = { 1, 0 } }, draws = 500, engine = "interpreter", out = folder .. "/mixed" })
local predicted = found:predict()
assert(text(predicted:draws("y").shape) == "4 500 2" and text(predicted:draws("part.z").shape) == "4 500 2")
local a, b = flat(found:draws "chosen"), flat(predicted:draws "chosen")
for i = 1, #a do assert(a[i] == b[i]) end

os.execute("rm -rf '" .. folder .. "'")
