-- SPDX-License-Identifier: MIT
-- Sites that are summed out: the density is that of the model with these unknowns, summed over their values; so is its
-- gradient; native code and interpreter agree to the bit.
local core = require "borel.core"

local function numbers(n, fn)
  local list = {}
  for i = 1, n do list[i] = fn(i) end
  return list
end

local function log_sum_exp(list)
  local most, sum = math.max(table.unpack(list)), 0
  for _, x in ipairs(list) do sum = sum + math.exp(x - most) end
  return most + math.log(sum)
end

local function near(a, b, tolerance, what)
  assert(math.abs(a - b) <= tolerance * (1 + math.abs(b)), ("%s: %.17g, not %.17g"):format(what, a, b))
end

-- A point, u ~ U(-1, 1).
local function point_of(target)
  local choice, u = core.philox(core.stream_key(11, "marginal"), 0), {}
  for i = 1, target:describe().D do u[i] = 2 * choice:uniform() - 1 end
  return u
end

-- The density of a model with its discrete unknowns, summed over all of their values.
local function brute_force(model, data, u)
  local whole, z, list = model:trace(data, "interpreter", true, true).target, {}, {}
  local sites = whole:sites()
  local function go(s, e)
    local site = sites[s]
    if not site then
      list[#list + 1] = whole:evaluate(u, z)
    elseif site.block == "u" or e > site.size then
      go(s + 1, 1)
    else
      for v = site.lowest, site.lowest + site.count - 1 do
        z[#z + 1] = v
        go(s, e + 1)
        z[#z] = nil
      end
    end
  end
  go(1, 1)
  return log_sum_exp(list), #list
end

-- Traces, checks the trace, compares the engines and the gradient with finite differences; returns target and point.
local function examine(name, model, data)
  local traced = model:trace(data, "native", true)
  model:check_trace(traced, data, 1)
  local target, other = traced.target, model:trace(data, "interpreter", true).target
  assert(target:describe().K == 0, name)
  local u = point_of(target)
  local value, gradient = target:evaluate(u, {})
  local same, slopes = other:evaluate(u, {})
  assert(value == same, name .. ": the engines differ")
  for i, slope in ipairs(gradient) do
    assert(slope == slopes[i], name .. ": the engines differ in the gradient")
    local function at(h)
      local moved = table.move(u, 1, #u, 1, {})
      moved[i] = moved[i] + h
      return (target:evaluate(moved, {}))
    end
    local h = 1e-3
    local wide, narrow = (at(h) - at(-h)) / (2 * h), (at(h / 2) - at(-h / 2)) / h
    -- Richardson: an error of h^4 times the fifth derivative, and rounding of the density over h.
    near(slope, (4 * narrow - wide) / 3, 1e-7 * (1 + math.abs(value)), name .. ": slope " .. i)
  end
  return target, u, value
end

local function against_brute_force(name, model, data, combinations)
  local _, u, value = examine(name, model, data)
  local sum, count = brute_force(model, data, u)
  assert(count == combinations, name .. ": " .. count)
  near(value, sum, 1e-12, name)
end

local out = { marginalize = true }

-- ---- vectors whose elements are separate ------------------------------------------------------------------------------

local N = 40
local y = numbers(N, function(i) return math.sin(3 * i) * 2 end)

local labels = borel.model(function(data)
  local w, mu = sample("w", dist.dirichlet { 1, 1, 1 }), sample("mu", dist.normal(0, 2):iid(3))
  local s = sample("s", dist.half_normal(1))
  local z = sample("z", dist.categorical(w):iid(#data.y), out)
  observe("y", dist.normal(mu[z], s), data.y)
end)
local mixture = borel.model(function(data)
  local w, mu = sample("w", dist.dirichlet { 1, 1, 1 }), sample("mu", dist.normal(0, 2):iid(3))
  local s = sample("s", dist.half_normal(1))
  observe("y", dist.mixture(w, numbers(3, function(k) return dist.normal(mu[k], s) end)):iid(#data.y), data.y)
end)

do
  local target, u, value = examine("labels", labels, { y = y })
  local other, slopes = mixture:trace({ y = y }, "native", true).target:evaluate(u, {})
  near(value, other, 1e-12, "labels and dist.mixture")
  local _, gradient = target:evaluate(u, {})
  for i, slope in ipairs(gradient) do near(slope, slopes[i], 1e-11, "labels and dist.mixture, slope " .. i) end
  assert(target:labels()[4]:find "^z %(", "the term has the name of the site")
end
against_brute_force("few labels", labels, { y = { 0.5, -1.2, 2, 0.1, 3 } }, 3 ^ 5)

against_brute_force("a plate", borel.model(function(data)
  local p = sample("p", dist.beta(2, 2))
  local mu = sample("mu", dist.normal(0, 2):iid(2))
  borel.plate("i", 6, function(i)
    local z = sample("z", dist.bernoulli(p), out)
    observe("y", dist.normal(mu[z + 1], 1), borel.array(data.y)[i])
  end)
end), { y = table.move(y, 1, 6, 1, {}) }, 2 ^ 6)

against_brute_force("several data for each label", borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 2):iid(2))
  local z = sample("z", dist.bernoulli(0.4):iid(5), out)
  observe("y", dist.normal(mu[z + 1]:reshape { 5, 1 } + borel.zeros { 5, 3 }, 1), data.y)
end), { y = borel.array(numbers(5, function(i) return { y[i], y[i] + 0.5, -y[i] } end)) }, 2 ^ 5)

-- Two vectors that meet in each observation, and a part of the likelihood that does not depend on them.
against_brute_force("two labels", borel.model(function(data)
  local mu, s = sample("mu", dist.normal(0, 2):iid(2)), sample("s", dist.half_normal(1))
  local a = sample("a", dist.bernoulli(0.4):iid(4), out)
  local b = sample("b", dist.binomial(2, 0.3):iid(4), out)
  observe("y", dist.normal(mu[a + 1] + s * b, s), data.y)
  borel.factor("f", borel.sum(borel.where(borel.eq(a, 1), mu[1], s)) * 0.5 + mu[2])
end), { y = table.move(y, 1, 4, 1, {}) }, 2 ^ 4 * 3 ^ 4)

-- A sum of all ties the elements: they are summed together.
against_brute_force("tied", borel.model(function()
  local p = sample("p", dist.beta(2, 2))
  local z = sample("z", dist.bernoulli(p):iid(5), out)
  observe("total", dist.normal(borel.sum(z), 0.5), 2.5)
end), nil, 2 ^ 5)

-- ---- scalars -----------------------------------------------------------------------------------------------------------

against_brute_force("a change point", borel.model(function(data)
  local early, late = sample("early", dist.gamma(2, 1)), sample("late", dist.gamma(2, 1))
  local at = sample("at", dist.categorical(borel.zeros { 20 } + 1 / 20), out)
  observe("n", dist.poisson(borel.where(borel.lt(borel.range(1, 20), at), early, late)), data)
end), numbers(20, function(i) return i < 12 and 3 or 1 end), 20)

against_brute_force("two that interact", borel.model(function(data)
  local p, mu = sample("p", dist.beta(2, 2)), sample("mu", dist.normal(0, 1):iid(3))
  local a = sample("a", dist.bernoulli(p), out)
  local b = sample("b", dist.categorical(borel.stack { 0.2 + 0.1 * a, 0.3, 0.5 - 0.1 * a }), out)
  observe("y", dist.normal(mu[b] * (1 + a), 1), data)
end), 1.3, 6)

against_brute_force("in loops and choices", borel.model(function()
  local a = sample("a", dist.normal(0, 1))
  local k = sample("k", dist.categorical { 0.2, 0.3, 0.5 }, out)
  observe("x", dist.normal(borel.scan(function(c, t) return c * 0.5 + a * k * t end, 0, borel.array { 1, 2, 3 }), 1), 0.5)
  observe("y", dist.normal(borel.cond(borel.eq(k, 2), function() return a * 2 end, function() return a + k end), 1), 0.7)
end), nil, 3)

-- Impossible values add nothing.
against_brute_force("impossible", borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  local z = sample("z", dist.categorical { 0.25, 0, 0.75 }, out)
  borel.factor("f", borel.where(borel.eq(z, 1), -math.huge, mu * z))
end), nil, 3)

-- ---- chains ------------------------------------------------------------------------------------------------------------

local function chain(states)
  return borel.model(function(data)
    local mu, moves = sample("mu", dist.normal(0, 2):iid(states)), sample("moves", dist.dirichlet(borel.zeros { states } + 2):iid(states))
    local z
    for t = 1, #data do
      z = sample({ "z", t }, t == 1 and dist.categorical(borel.zeros { states } + 1 / states) or dist.categorical(moves[z]), out)
      observe({ "y", t }, dist.normal(mu[z], 1), data[t])
    end
  end)
end

against_brute_force("a short chain", chain(3), table.move(y, 1, 6, 1, {}), 3 ^ 6)

-- A start and moves of probability 0: from the left to the right.
local function one_way(data)
  local p, mu = sample("p", dist.beta(2, 2)), sample("mu", dist.normal(0, 2):iid(3))
  local none, z = 0 * p, nil
  local moves = borel.stack { p, 1 - p, none, none, p, 1 - p, none, none, none + 1 }:reshape { 3, 3 }
  for t = 1, #data do
    z = sample({ "z", t }, dist.categorical(t == 1 and borel.array { 1, 0, 0 } or moves[z]), out)
    observe({ "y", t }, dist.normal(mu[z], 1), data[t])
  end
end
against_brute_force("a chain that goes one way", borel.model(one_way), table.move(y, 1, 6, 1, {}), 3 ^ 6)
examine("a long chain that goes one way", borel.model(one_way), y)

-- Independent forward recursion on numbers: Rabiner 1989, section III.A.
local function forward(mu, moves, data)
  local states, alpha = #mu, nil
  local function emission(k, x) return -0.5 * (x - mu[k]) ^ 2 - 0.5 * math.log(2 * math.pi) end
  for t, x in ipairs(data) do
    alpha = numbers(states, function(j)
      if t == 1 then return -math.log(states) + emission(j, x) end
      return emission(j, x) + log_sum_exp(numbers(states, function(i) return alpha[i] + math.log(moves[i][j]) end))
    end)
  end
  return log_sum_exp(alpha)
end

local statements = {} -- by the number of states: the same for any number of steps
for _, T in ipairs { 100, 400 } do
  local data = numbers(T, function(i) return math.sin(3 * i) * 2 end)
  for states = 2, 3 do
    local name = ("a chain of %d, %d states"):format(T, states)
    local model = chain(states)
    local target, u = examine(name, model, data)
    -- Without the data the density is that of the priors.
    local prior = borel.model(function()
      sample("mu", dist.normal(0, 2):iid(states))
      sample("moves", dist.dirichlet(borel.zeros { states } + 2):iid(states))
    end):trace(nil, "interpreter", true).target
    local mu = table.move(u, 1, states, 1, {})
    local moves = numbers(states, function(i)
      return dist.dirichlet(borel.zeros { states } + 2):constrain(borel.array(table.move(u, states + (i - 1) * (states - 1) + 1,
        states + i * (states - 1), 1, {}))):totable()
    end)
    near(target:evaluate(u, {}) - prior:evaluate(u, {}), forward(mu, moves, data), 1e-12, name)
    local size = target:describe()
    assert(size.hmms == 1, name .. ": the recursion does not run with probabilities")
    assert(statements[states] == nil or statements[states] == size.statements, name .. ": the recursion is not a loop")
    statements[states] = size.statements
  end
end

-- ---- conditions, runs, errors --------------------------------------------------------------------------------------------

do
  local set = borel.condition(labels, { z = { 1, 2, 3, 1, 2 } })
  local data = { y = { 0.5, -1.2, 2, 0.1, 3 } }
  local traced = set:trace(data, "native", true)
  set:check_trace(traced, data, 1)
  local u = point_of(traced.target)
  near(traced.target:evaluate(u, {}), (labels:trace(data, "native", true, true).target:evaluate(u, { 1, 2, 3, 1, 2 })), 1e-13, "condition")
end

-- Of some elements: the others are still summed out.
against_brute_force("a condition on one label", borel.condition(labels, { ["z[2]"] = 3 }), { y = { 0.5, -1.2, 2, 0.1, 3 } }, 3 ^ 4)

do -- a simulation draws the site
  local simulated = borel.simulate(labels, { data = { y = borel.zeros { 5 } }, draws = 20 }):draws("z")
  assert(simulated.shape[1] == 20 and simulated.shape[2] == 5 and core.maximum(simulated:to "f64") == 3)
end

do -- nuts is chosen, and finds what gibbs and nuts find
  local data = { y = numbers(60, function(i) return i % 3 == 0 and 4 + 0.5 * math.sin(i) or -2 + 0.5 * math.cos(2 * i) end) }
  local function model(given)
    return borel.model(function(d)
      local w = sample("w", dist.beta(2, 2))
      local mu, gap = sample("mu", dist.normal(0, 5)), sample("gap", dist.half_normal(5))
      local z = sample("z", dist.bernoulli(w):iid(#d.y), given)
      observe("y", dist.normal(mu + gap * z, 1), d.y)
    end)
  end
  local folder = os.tmpname()
  os.remove(folder)
  local function run(m, name) return borel.infer(m, { data = data, draws = 500, warmup = 300, out = folder .. name, progress = false }) end
  local a, b = run(model(out), "-a"), run(model(), "-b")
  assert(a.manifest.kernel.name == "nuts" and a.manifest.K == 0)
  for i, row in ipairs(a:rows()) do
    local other = b:rows()[i]
    assert(row.name == other.name)
    local error = math.sqrt(row.mcse_mean ^ 2 + other.mcse_mean ^ 2)
    local certain = row.sd == 0 and other.sd == 0 and row.mean == other.mean -- a label that the data leave no doubt about
    assert(certain or math.abs(row.mean - other.mean) < 5 * error, ("%s: %g and %g"):format(row.name, row.mean, other.mean))
  end
  -- Each observation has its own label: its likelihood is that of a mixture, at every draw.
  local other = borel.model(function(d)
    local w = sample("w", dist.beta(2, 2))
    local mu, gap = sample("mu", dist.normal(0, 5)), sample("gap", dist.half_normal(5))
    observe("y", dist.mixture(borel.stack { 1 - w, w }, { dist.normal(mu, 1), dist.normal(mu + gap, 1) }):iid(#d.y), d.y)
  end)
  local loop = borel.model(function(d)
    local w = sample("w", dist.beta(2, 2))
    local mu, gap = sample("mu", dist.normal(0, 5)), sample("gap", dist.half_normal(5))
    for i = 1, #d.y do
      local z = sample({ "z", i }, dist.bernoulli(w), out)
      observe({ "y", i }, dist.normal(mu + gap * z, 1), d.y[i])
    end
  end)
  local want = a:log_likelihood(other).y
  for _, m in ipairs { model(out), loop } do
    local have = a:log_likelihood(m).y
    assert(have.size == want.size and have.size == 4 * 500 * 60)
    -- Logarithms of sums of two, of order 1 to 10: a few roundings.
    assert(core.maximum(borel.abs(have - want)) < 1e-13, "pointwise log-likelihood")
  end
  assert(#a:loo().elements == 60)
  local tied = borel.model(function(d)
    local w = sample("w", dist.beta(2, 2))
    local mu, gap = sample("mu", dist.normal(0, 5)), sample("gap", dist.half_normal(5))
    local z = sample("z", dist.bernoulli(w), out)
    for i = 1, #d.y do observe({ "y", i }, dist.normal(mu + gap * z, 1), d.y[i]) end
  end)
  local ok, message = pcall(a.log_likelihood, a, tied)
  assert(not ok and message:find "site 'z' is summed out and ties observations to each other", message)
  os.execute(("rm -r %s-a %s-b"):format(folder, folder))
end

local function fails(pattern, fn, data)
  local ok, message = pcall(function() borel.model(fn):trace(data, "interpreter", true) end)
  assert(not ok and tostring(message):find(pattern), ("expected '%s', got '%s'"):format(pattern, tostring(message)))
end

fails("site 'k' cannot be summed out: poisson has no largest value", function() sample("k", dist.poisson(3), out) end)
fails("site 'x': normal is continuous", function() sample("x", dist.normal(0, 1), out) end)
fails("sample 'k': unknown option 'marginalise'; did you mean 'marginalize'", function()
  sample("k", dist.bernoulli(0.5), { marginalise = true })
end)
fails("sample 'k': option 'marginalize' must be a boolean", function() sample("k", dist.bernoulli(0.5), { marginalize = 1 }) end)
fails("sample 'k': option 'keep' is for a site that is summed out", function()
  sample("k", dist.bernoulli(0.5), { keep = false })
end)
fails("site 'z': cannot be summed out: its 40 elements do not enter terms of their own", function()
  sample("x", dist.normal(0, 1))
  observe("total", dist.normal(borel.sum(sample("z", dist.bernoulli(0.5):iid(40), out)), 1), 20)
end)
fails("site 'k': cannot be summed out: 1001 values of %d+ operations that depend on it are more than 500000", function()
  local x = sample("x", dist.normal(0, 1))
  local k = sample("k", dist.binomial(1000, 0.5), out)
  for i = 1, 300 do observe({ "y", i }, dist.normal(x * k + i, 1), 20) end
end)
fails("no sites", function() sample("k", dist.bernoulli(0.5), out) end)
print "ok"
