-- SPDX-License-Identifier: MIT
-- Plates, calls, conditions, interventions and missing data: the same sites and densities in every handler, exact
-- measures by enumeration, clear errors.
local borel = require "borel"
local core = require "borel.core"
local session = require "borel.session"
local dist, sample, observe, plate = borel.dist, borel.sample, borel.observe, borel.plate
session.quiet = true

local folder = os.tmpname()
os.remove(folder)
local runs = 0
local function out()
  runs = runs + 1
  return ("%s/%d"):format(folder, runs)
end
local function infer(m, d) return borel.infer(m, { data = d, draws = 4000, engine = "interpreter", out = out() }) end
local function text(shape) return table.concat(shape, " ") end
local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("'%s' does not have '%s'"):format(message, pattern))
end
local function row_of(fit, name)
  for _, row in ipairs(fit:rows()) do
    if row.name == name then return row end
  end
  error("no value " .. name)
end
local function expect(fit, name, mean, sd)
  local row = row_of(fit, name)
  assert(math.abs(row.mean - mean) < 5 * row.mcse_mean, ("%s: mean %g, not %g (MCSE %g)"):format(name, row.mean, mean, row.mcse_mean))
  if sd then assert(math.abs(row.sd - sd) < 5 * row.mcse_sd, ("%s: sd %g, not %g (MCSE %g)"):format(name, row.sd, sd, row.mcse_sd)) end
end

-- ---- a plate is a loop -------------------------------------------------------------------------------------------

-- Both models written out: the traced terms of both have the same sum at the same point.
local data = { J = 4, K = 3, sigma = borel.array { 1, 2, 3, 4 }, y = { { 1.0, 2, 3, 4 }, { 0.5, 1, -1, 2 }, { 3, -2, 1, 0 } } }
local calls = 0
local plated = borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  plate("school", d.J, function(i)
    calls = calls + 1
    assert(text(i.shape) == "4")
    local theta = sample("theta", dist.normal(mu, d.sigma[i]))
    borel.factor(-0.1 * theta * theta)
    borel.factor(0.25)
    plate("pupil", d.K, function(j)
      assert(text(j.shape) == "3 1")
      local shift = borel.array { 0.1, 0.2, 0.3 }[j]
      observe("y", dist.normal(theta + shift, 1), d.y)
    end)
  end)
end)
local looped = borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  local theta = sample("theta", dist.normal(mu, d.sigma))
  for i = 1, d.J do
    borel.factor(-0.1 * theta[i] * theta[i])
    borel.factor(0.25)
    for j = 1, d.K do observe({ "y", j, i }, dist.normal(theta[i] + 0.1 * j, 1), d.y[j][i]) end
  end
end)
local function density(m)
  local traced = m:trace(data, "interpreter")
  local sum = 0
  for _, term in ipairs(traced.target:terms({ 0.3, 1, -0.5, 2, 0.7 }, {})) do sum = sum + term end
  return sum
end
-- 25 terms of size below 50: rounding of sums in another order is below 1e-12.
assert(math.abs(density(plated) - density(looped)) < 1e-12)
assert(calls == 1, "the body of a plate runs once")
borel.check(plated, data) -- the plain run agrees

local shapes = borel.simulate(borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  plate("a", 5, function()
    sample("scalar", dist.normal(0, 1))
    sample("shared", dist.normal(mu, 1))
    sample("own", dist.normal(borel.zeros(5), 1))
    sample("many", dist.normal(borel.zeros(5), 1):iid(2, 3))
    sample("iid", dist.normal(0, 1):iid(5))
    sample("event", dist.normal(0, 1):iid(2):ordered())
    sample("class", dist.categorical { 0.5, 0.5 })
    plate("b", 2, function()
      sample("inner", dist.normal(0, 1))
      sample("outer", dist.normal(borel.zeros(5), 1))
      sample("index", dist.normal(borel.zeros { 2, 1 }, 1))
    end)
  end)
end), { draws = 2 })
for name, want in pairs { scalar = "5", shared = "5", own = "5", many = "5 2 3", iid = "5 5", event = "5 2", class = "5",
  inner = "2 5", outer = "2 5", index = "2 5" } do
  assert(text(shapes:draws(name).shape) == "2 " .. want, name .. ": " .. text(shapes:draws(name).shape))
end
assert(not pcall(borel.plate, "a", 3, print), "outside a model")
local function in_plate(fn)
  return function() borel.simulate(borel.model(function() plate("p", 8, fn) end), { draws = 1 }) end
end
fails("sample 'x': parameters of shape %[3%] in plates of shape %[8%]: they must be numbers or have one value for each",
  in_plate(function() sample("x", dist.normal({ 1, 2, 3 }, 1)) end))
fails("observed 'y': the value has shape %[3%], but normal has shape %[8%]",
  in_plate(function() observe("y", dist.normal(0, 1), { 1, 2, 3 }) end))
fails("factor: the log%-weight has shape %[3%], the plates around it %[8%]",
  in_plate(function() borel.factor(borel.array { 1, 2, 3 }) end))
fails("plate 'p' is inside itself", in_plate(function() plate("p", 8, print) end))
fails("plate 'q' has 3 elements here and 2 at .*combinators_test.lua:%d+", in_plate(function()
  plate("q", 2, function() end)
  plate("q", 3, function() end)
end))
fails("plate 'q': the size is 2.5", in_plate(function() plate("q", 2.5, print) end))

-- Laws of every kind: the density in a plate is that of each element, also of those picked out.
local centre, rate = borel.array { -1, 0.5, 2 }, borel.array { 0.5, 2, 4 }
local rows = borel.array { { 0.2, 0.8 }, { 0.5, 0.5 }, { 0.9, 0.1 } }
for name, kind in pairs {
  truncated = { function(i) return dist.truncated(dist.normal(centre[i], 2), 0, nil) end, { 0.1, 1, 3 } },
  mixture = { function(i) return dist.mixture({ 0.3, 0.7 }, { dist.normal(centre[i], 1), dist.normal(0, rate[i]) }) end, { 0.1, 1, 3 } },
  zero_inflated = { function(i) return dist.zero_inflated(0.2, dist.poisson(rate[i])) end, { 0, 2, 3 } },
  categorical = { function(i) return dist.categorical(rows[i]) end, { 1, 2, 1 } },
  uniform = { function(i) return dist.uniform(centre[i], 5) end, { 0.1, 1, 3 } },
} do
  local make, x = kind[1], kind[2]
  local wide = make(borel.range(1, 3)):across({ 3 }, name)
  local square = make(borel.range(1, 3)):across({ 2, 3 }, name)
  local repeated = make(borel.range(1, 3)):iid(2):across({ 3 }, name)
  local picked = make(borel.range(1, 3)):at(borel.array { 3, 1 })
  local some = make(1):across({ 3 }, name):at(borel.array { 3, 1 })
  assert(text(wide:shape()) == "3" and text(square:shape()) == "2 3" and text(repeated:shape()) == "3 2")
  assert(text(picked:shape()) == "2" and text(some:shape()) == "2", name)
  local values = borel.array(x)
  local in_square = square:logdensity(borel.stack { values, values }:reshape { 2, 3 })
  local twice = repeated:logdensity(borel.array { { x[1], x[1] }, { x[2], x[2] }, { x[3], x[3] } })
  for i = 1, 3 do
    local want = make(i):logdensity(x[i])
    for _, have in ipairs { wide:logdensity(values)[i], in_square[{ 2, i }], twice[{ i, 2 }] } do
      assert(math.abs(have - want) < 1e-13 * (1 + math.abs(want)), ("%s: %.17g, not %.17g"):format(name, have, want))
    end
  end
  assert(math.abs(picked:logdensity({ x[3], x[1] })[1] - make(3):logdensity(x[3])) < 1e-13, name)
  assert(math.abs(some:logdensity({ x[1], x[1] })[2] - make(1):logdensity(x[1])) < 1e-13, name)
end

-- ---- exact measures -----------------------------------------------------------------------------------------------

local function measure(m, want, total, d)
  local have, sum = borel.enumerate(m, d)
  for outcome, mass in pairs(want) do
    assert(math.abs((have[outcome] or 0) - mass) <= 1e-14, ("%s has mass %.17g, not %.17g"):format(outcome, have[outcome] or 0, mass))
  end
  assert(math.abs(sum - total) <= 1e-14, ("the total is %.17g, not %.17g"):format(sum, total))
end

-- A plate of coins, and a nested model twice.
measure(borel.model(function()
  local z = plate("coin", 2, function()
    local one = sample("z", dist.bernoulli(1 / 4))
    observe("seen", dist.bernoulli(0.5 + 0.25 * one), { 1, 0 })
    return one
  end)
  return z[1], z[2]
end), { ["0 0"] = 9 / 16 / 4, ["0 1"] = 3 / 16 / 8, ["1 0"] = 3 / 16 * 3 / 8, ["1 1"] = 3 / 16 / 16 }, 9 / 64 + 3 / 128 + 9 / 128 + 3 / 256)

local coin = borel.model(function(p) return sample("x", dist.bernoulli(p)) end)
local two = borel.model(function()
  local a = borel.call("first", coin, 1 / 3)
  return a, borel.call({ "second", 1 }, coin, a == 1 and 3 / 4 or 1 / 4)
end)
measure(two, { ["0 0"] = 1 / 2, ["0 1"] = 1 / 6, ["1 0"] = 1 / 12, ["1 1"] = 1 / 4 }, 1)

-- Conditioning weighs, intervening does not.
measure(borel.condition(two, { ["second[1].x"] = 1 }), { ["0 1"] = 1 / 6, ["1 1"] = 1 / 4 }, 5 / 12)
measure(borel.intervene(two, { ["second[1].x"] = 1 }), { ["0 1"] = 2 / 3, ["1 1"] = 1 / 3 }, 1)
measure(borel.condition(borel.intervene(two, { ["first.x"] = 1 }), { ["second[1].x"] = 0 }), { ["1 0"] = 1 / 4 }, 1 / 4)
-- A model that carries a condition, called: its names are its own.
measure(borel.model(function()
  local a = sample("x", dist.bernoulli(0.5))
  return a, borel.call("in", borel.condition(coin, { x = 1 }), a == 1 and 1 / 8 or 1 / 4)
end), { ["0 1"] = 1 / 8, ["1 1"] = 1 / 16 }, 3 / 16)

fails("combinators_test.lua:%d+: borel.condition: the model has no unknown 'secnd%[1%].x'; did you mean 'second%[1%].x'%?",
  borel.enumerate, borel.condition(two, { ["secnd[1].x"] = 1 }))
fails("borel.intervene: the model has no unknown 'y'", borel.simulate,
  borel.condition(borel.intervene(borel.model(function() sample("mu", dist.normal(0, 1)) end), { y = 1 }), { mu = 2 }))
fails("no unknown 'x'", borel.enumerate, borel.condition(borel.intervene(coin, { x = 1 }), { x = 0 }), 0.5)
fails("borel.condition of 'x' %(.*test.lua:%d+%): the value has shape %[2%], but bernoulli has shape %[%]", borel.enumerate,
  borel.condition(coin, { x = { 1, 0 } }), 0.5)
fails("borel.intervene of 'x'.*: value 1 of 1 is 2, outside the support of bernoulli", borel.enumerate,
  borel.intervene(coin, { x = 2 }), 0.5)
fails("site 'y' is observed already", borel.check, borel.condition(borel.model(function()
  sample("x", dist.normal(0, 1))
  observe("y", dist.normal(0, 1), 2)
end), { y = 1 }))
fails("needs the values of sites", borel.condition, coin, {})
-- Nothing is left: one message that says who set what.
fails("^nothing is left to infer: borel.condition at .*combinators_test.lua:%d+ sets mu, and the model has no other unknowns", borel.check,
  borel.condition(borel.model(function() sample("mu", dist.normal(0, 1)) end), { mu = 1 }))
fails("borel.intervene at %S+ sets a; borel.condition at %S+ sets b, and", borel.check,
  borel.condition(borel.intervene(borel.model(function()
    sample("a", dist.normal(0, 1))
    sample("b", dist.normal(0, 1))
  end), { a = 0 }), { b = 1 }))
-- Some elements of a site: a coin of three, of which one is known. P(x1 + x2 + x3 = 2, x2 = 1) = 2 * 1/4 * 3/4 * 1/4.
local coins = borel.model(function()
  local x = sample("x", dist.bernoulli(0.25):iid(3))
  factor(borel.where(borel.sum(x):eq(2), 0, -math.huge))
  return x[1], x[3]
end)
measure(borel.condition(coins, { ["x[2]"] = 1 }), { ["0 1"] = 3 / 64, ["1 0"] = 3 / 64, ["0 0"] = 0, ["1 1"] = 0 }, 3 / 32)
measure(borel.condition(coins, { ["x[2]"] = 1, ["x[1]"] = 0, ["x[3]"] = 1 }), { ["0 1"] = 3 / 64 }, 3 / 64)
do
  local grid = borel.condition(borel.model(function()
    return sample("g", dist.normal(borel.array { { 0.0, 1 }, { 2, 3 } }, 1))
  end), { ["g[2,1]"] = 7.5 })
  local drawn = borel.simulate(grid, { draws = 20 }):returned()
  for i = 1, 20 do assert(drawn[{ i, 2, 1 }] == 7.5 and drawn[{ i, 1, 1 }] ~= 7.5) end
  assert(table.concat(borel.check(grid).sites, " ") == "g.missing")
end
fails("'x%[4%]' is no element of a site of shape %[3%]", borel.enumerate, borel.condition(coins, { ["x[4]"] = 1 }))
fails("the value of 'x%[1%]' is a string, must be a number", borel.enumerate, borel.condition(coins, { ["x[1]"] = "a" }))
fails("value 1 of 1 is 2, outside the support of bernoulli", borel.enumerate, borel.condition(coins, { ["x[1]"] = 2 }))
fails("borel.intervene of 'x' .*: some elements of a site cannot be set", borel.enumerate, borel.intervene(coins, { ["x[1]"] = 1 }))
fails("some elements of a site cannot be set, here of dirichlet: set all of 'p'", borel.check, borel.condition(borel.model(function()
  sample("p", dist.dirichlet { 1, 1, 1 }:iid(2))
end), { ["p[1]"] = 0.5 }))
fails("needs a model made by borel.model", borel.condition, print, { x = 1 })
fails("the site 'a.x' was already made at", borel.enumerate, borel.model(function()
  borel.call("a", coin, 0.5)
  borel.call("a", coin, 0.5)
end))

-- What tracing cannot see is found inside plates and calls too, with its line.
fails("combinators_test.lua:%d+: a drawn value is tested as a condition", borel.check, borel.model(function()
  plate("p", 2, function()
    if sample("x", dist.normal(0, 1)) then borel.factor(1) end
  end)
end))
fails("combinators_test.lua:%d+: a drawn value is compared with ==", borel.check, borel.model(function()
  local a = borel.call("a", coin, 0.5)
  borel.factor(a == 1 and 0 or 1)
end))
local branches = borel.model(function(x) borel.factor(x == 1 and 0 or 1) end)
fails("combinators_test.lua:%d+: a drawn value is compared with ==", borel.check, borel.model(function()
  borel.call("a", branches, sample("x", dist.normal(0, 1)))
end))

local itself
itself = borel.model(function() return borel.call("a", itself) end)
fails("combinators_test.lua:%d+: borel.call 'a.a.*': calls are more than 30 deep", borel.simulate, itself)

-- In inference: mu ~ N(0, 1), x ~ N(mu, 1). Seen x = 3: mu ~ N(3/2, 1/2). Set x = 3: mu ~ N(0, 1).
local pair = borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  borel.deterministic("twice", 2 * sample("x", dist.normal(mu, 1)))
end)
expect(infer(borel.condition(pair, { x = 3 })), "mu", 1.5, math.sqrt(0.5))
local set = infer(borel.intervene(pair, { x = 3 }))
expect(set, "mu", 0, 1)
assert(row_of(set, "twice").mean == 6 and row_of(set, "twice").sd == 0)

-- ---- missing values -------------------------------------------------------------------------------------------------

-- mu ~ N(0, 1), y_i ~ N(mu, 1), y = (1, ?, 2, ?): mu | y ~ N(1, 1/3), y_i | y ~ N(1, 4/3).
local holes = borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 1))
  borel.deterministic("filled", borel.missing("y", dist.normal(mu, 1):iid(4), d.y))
end)
local filled = infer(holes, { y = { 1.0, borel.missing, 2.0, 0 / 0 } })
expect(filled, "mu", 1, math.sqrt(1 / 3))
expect(filled, "y.missing[1]", 1, math.sqrt(4 / 3))
expect(filled, "filled[4]", 1, math.sqrt(4 / 3))
assert(row_of(filled, "filled[3]").mean == 2 and row_of(filled, "filled[3]").sd == 0)
-- Nothing missing: plain observations. Everything missing: the prior.
assert(#borel.check(holes, { y = { 1.0, 3, 2, 4 } }).sites == 1)
local none = infer(holes, { y = borel.zeros(4) / 0 })
expect(none, "filled[2]", 0, math.sqrt(2))

-- A matrix with holes: unknowns in the order of the data; accuracy counts what was seen, predictions keep the unknowns.
local matrix = infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 1):iid(2))
  borel.deterministic("filled", borel.missing("y", dist.normal(mu, 1):iid(3), d))
end), borel.array { { 1, 0 / 0 }, { 0 / 0, 2 }, { 3, 0.5 } })
-- mu_1 | 1, 3 ~ N(4/3, 1/3), mu_2 | 2, 1/2 ~ N(5/6, 1/3)
expect(matrix, "y.missing[1]", 5 / 6, math.sqrt(4 / 3))
expect(matrix, "filled[2,1]", 4 / 3, math.sqrt(4 / 3))
assert(matrix:loo().count == 4)
local repeated = matrix:predict { draws = 2 }
assert(text(repeated:draws("y").shape) == "4 2 4" and repeated:draws("filled")[{ 3, 2, 1, 2 }] == matrix:draws("y.missing")[{ 3, 4000, 1 }])

-- Parameters of their own, in a plate; and the value used later: z ~ N(y, 1) = 4 with y ~ N(0, 1) missing: y ~ N(2, 1/2).
local later = borel.model(function(d)
  plate("i", 3, function(i)
    local y = borel.missing("y", dist.normal(d.mu[i], 1), d.y)
    observe("z", dist.normal(y, 1), d.z)
  end)
end)
local used = infer(later, { mu = borel.array { 5, 0, 1.0 }, y = borel.array { 5, 0 / 0, 1 }, z = { 5, 4, 1.0 } })
expect(used, "y.missing[1]", 2, math.sqrt(0.5))

-- Discrete values of finite support: exactly, b = (1, ?) with c_i ~ Bernoulli(1/4 + b_i / 2) = 1.
measure(borel.model(function(d)
  local b = borel.missing("b", dist.bernoulli(1 / 3):iid(2), d.b)
  observe("c", dist.bernoulli(0.25 + 0.5 * b), { 1, 1 })
  return b[1], b[2]
end), { ["1 0"] = 1 / 3 * 3 / 4 * 2 / 3 / 4, ["1 1"] = 1 / 3 * 3 / 4 / 3 * 3 / 4 }, 1 / 24 + 1 / 16, { b = { 1, borel.missing } })
local one = borel.model(function(d) return (borel.missing("b", dist.bernoulli(1 / 3), d.b)) end)
measure(one, { ["0"] = 2 / 3, ["1"] = 1 / 3 }, 1, { b = borel.missing })
measure(one, { ["1"] = 1 / 3 }, 1 / 3, { b = 1 })
fails("borel.missing 'b': the value is nil", borel.enumerate, one, {})
fails("borel.missing 'b': the value has shape %[2%]", borel.enumerate, one, { b = { 1, borel.missing } })
fails("observed 'b': value 2 of 2 is 7, outside the support", borel.enumerate, borel.model(function()
  borel.missing("b", dist.bernoulli(0.5):iid(3), { 1, 7, borel.missing })
end))
assert(tostring(core.missing) == "missing")

os.execute("rm -rf '" .. folder .. "'")
