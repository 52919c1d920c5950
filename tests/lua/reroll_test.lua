-- SPDX-License-Identifier: MIT
-- Plain loops over time and cases: what re-rolling makes of them has the density of the terms as they were written
-- (model:terms evaluates each of these alone, and they are never rewritten), up to the order of additions.
local borel = require "borel"
local dist = borel.dist
local sample, observe, factor = borel.sample, borel.observe, borel.factor

local T = 90
local values, rough, zeros = {}, {}, {}
for t = 1, T do
  values[t] = math.sin(1.7 * t) * (1 + 0.5 * math.cos(t / 9))
  rough[t] = math.floor(3 * values[t]) / 2 -- many equal values, zeros and ones among them
  zeros[t] = t % 5 == 0 and 0.0 or values[t]
end

--- Builds the model, compares with the sum of its terms and with differences; returns its description and number
-- of statements.
local function built(name, fn, engine)
  local traced = borel.model(fn):trace({}, engine or "interpreter")
  local about, u = traced.target:describe(), {}
  for i = 1, about.D do u[i] = 0.4 * math.sin(i) end
  local value, gradient = traced.target:evaluate(u, {})
  local sum, scale = 0, 1
  for _, term in ipairs(traced.target:terms(u, {})) do sum, scale = sum + term, scale + math.abs(term) end
  -- a sum of n terms of one rounding each, in another order: n times the unit roundoff of the sum of sizes
  assert(math.abs(value - sum) <= (2 * #u + 20 * T) * 1.2e-16 * scale, ("%s: %.17g, the terms sum to %.17g"):format(name, value,
    sum))
  for i = 1, math.min(#u, 4) do
    local h, at = 1e-5, u[i]
    u[i] = at + h
    local high = traced.target:evaluate(u, {})
    u[i] = at - h
    local low = traced.target:evaluate(u, {})
    u[i] = at
    local difference = (high - low) / (2 * h) -- error h^2 f''' / 6 + rounding / h
    assert(math.abs(difference - gradient[i]) <= 1e-6 * (scale + math.abs(difference)),
      ("%s: gradient %d is %.9g, by differences %.9g"):format(
      name, i, gradient[i], difference))
  end
  return about, traced
end

local function statements(about)
  local _, lines = about.text:gsub(";\n", "")
  return lines
end

--- A model whose text must not grow with the length of its loop: by less than a statement a step. A short loop whose
-- size is known has or has not a last round that is cut, a few statements.
local function rolls(name, make, engine)
  local short, long = built(name, make(T), engine), built(name, make(T + 60), engine)
  assert(statements(long) <= statements(short) + 10, ("%s: %d statements for %d steps, %d for %d"):format(name, statements(short), T,
    statements(long), T + 60))
end

for t = T + 1, T + 60 do values[t], rough[t], zeros[t] = values[t - T] * 1.1, rough[t - T], zeros[t - T] end

-- ---- recursions ----------------------------------------------------------------------------------------------

local function garch(y)
  return function(n)
    return function()
      local mu, a0 = sample("mu", dist.normal(0, 1)), sample("a0", dist.half_normal(1))
      local a1, b1 = sample("a1", dist.uniform(0, 1)), sample("b1", dist.uniform(0, 1))
      local sigma = 0.5
      for t = 1, n do
        if t > 1 then sigma = borel.sqrt(a0 + a1 * (y[t - 1] - mu) ^ 2 + b1 * sigma ^ 2) end
        observe(dist.normal(mu, sigma), y[t])
      end
    end
  end
end
rolls("garch", garch(values))
rolls("garch, native", garch(values), "native")
rolls("garch with equal values", garch(rough))
rolls("garch with zeros", garch(zeros))

-- The first state has the form of a step, and every later step reads it as well: it must not become a step.
rolls("first state kept", function(n)
  return function()
    local a, b = sample("a", dist.normal(0, 1)), sample("b", dist.uniform(0, 1))
    local first = a * values[1] + b * 0.3
    local state = first
    for t = 2, n do
      state = first * values[t] + b * state
      observe(dist.normal(state, 1), values[t])
    end
  end
end)

-- Two recursions that read each other, with first and last steps of the same form.
rolls("two states", function(n)
  return function()
    local a, b = sample("a", dist.normal(0, 1)), sample("b", dist.uniform(0, 1))
    local x, y = 0.3, a
    for t = 1, n do
      x, y = b * x + 0.1 * y + values[t], b * y - 0.2 * x
      observe(dist.normal(x, 1), values[t])
    end
    observe(dist.normal(y, 1), 0.5)
  end
end)

rolls("arma", function(n)
  return function()
    local mu, phi, theta = sample("mu", dist.normal(0, 10)), sample("phi", dist.normal(0, 2)), sample("theta", dist.normal(0, 2))
    local sigma, err = sample("sigma", dist.half_cauchy(2.5)), nil
    for t = 1, n do
      if t == 1 then err = values[1] - (mu + phi * mu) else err = values[t] - (mu + phi * values[t - 1] + theta * err) end
      factor(dist.normal(0, sigma):logdensity(err))
    end
  end
end)

rolls("hidden Markov model of two states", function(n)
  return function()
    local p, q = sample("p", dist.beta(2, 2)), sample("q", dist.beta(2, 2))
    local m1, m2 = sample("m1", dist.normal(0, 1)), sample("m2", dist.normal(3, 1))
    local a, b
    for t = 1, n do
      local l1, l2 = dist.normal(m1, 1):logdensity(values[t]), dist.normal(m2, 1):logdensity(values[t])
      if t == 1 then
        a, b = l1, l2
      else
        a, b = borel.log_sum_exp(a + borel.log(p), b + borel.log1p(-q)) + l1,
          borel.log_sum_exp(a + borel.log1p(-p), b + borel.log(q)) + l2
      end
    end
    factor(borel.log_sum_exp(a, b))
  end
end)

rolls("two steps back", function(n)
  return function()
    local p, q, s = sample("p", dist.normal(0, 0.3)), sample("q", dist.normal(0, 0.3)), sample("s", dist.half_normal(1))
    local z = sample("z", dist.normal(0, 1):iid(n))
    local x, before = z[1], 0.5
    for t = 2, n do
      x, before = p * x + q * borel.sin(before) + s * z[t], x
      observe(dist.normal(x, 1), values[t])
    end
  end
end)

rolls("a sum by hand", function(n)
  return function()
    local a, b, total = sample("a", dist.normal(0, 1)), sample("b", dist.half_normal(1)), 0
    for t = 1, n do total = total + dist.student_t(4, a, b):logdensity(values[t]) end
    factor(total)
  end
end)

rolls("one recursion feeds another", function(n)
  return function()
    local a, b = sample("a", dist.normal(0, 0.3)), sample("b", dist.half_normal(1))
    local x, y = a, b
    for t = 1, n do
      x = borel.tanh(a * x + values[t])
      y = 0.5 * y + x * b
      observe(dist.normal(y, b), values[t])
    end
  end
end)

-- The steps alternate between two forms: the period is that of both together.
rolls("alternating steps", function(n)
  return function()
    local a, b = sample("a", dist.normal(0, 0.3)), sample("b", dist.half_normal(1))
    local x = a
    for t = 1, n do
      if t % 2 == 0 then x = borel.tanh(a * x + values[t]) else x = borel.cos(x) * b end
      observe(dist.normal(x, b), values[t])
    end
  end
end)

-- ---- sites in loops ----------------------------------------------------------------------------------------------

rolls("sites", function(n)
  return function()
    local mu, tau = sample("mu", dist.normal(0, 1)), sample("tau", dist.half_normal(1))
    for i = 1, n do observe(dist.normal(sample({ "theta", i }, dist.normal(mu, tau)), 1), values[i]) end
  end
end)

rolls("a chain of sites, native", function(n)
  return function()
    local rho, s = sample("rho", dist.uniform(-1, 1)), sample("s", dist.half_normal(1))
    local x = sample({ "x", 1 }, dist.normal(0, s))
    for t = 2, n do
      x = sample({ "x", t }, dist.normal(rho * x, s))
      observe(dist.normal(x, 1), values[t])
    end
  end
end, "native")

-- Two families in turn, one of them bounded, and values that are kept; each draw must hold what belongs together.
local function families(n)
  return function()
    for i = 1, n do
      local a, b = sample({ "a", i }, dist.normal(0, 1)), sample({ "b", i }, dist.exponential(2))
      observe(dist.normal(a, b + 1), values[i])
      borel.deterministic("twice[" .. i .. "]", 2 * a + b)
    end
    sample("a", dist.uniform(0, 1))
  end
end
rolls("two families", families)
local fit = borel.infer(borel.model(families(12)), { draws = 20, warmup = 20, chains = 1, out = os.tmpname() .. ".run" })
for i = 1, 12 do
  local a, b, twice = fit:draws("a[" .. i .. "]"), fit:draws("b[" .. i .. "]"), fit:draws("twice[" .. i .. "]")
  assert(borel.maximum(borel.abs(2 * a + b - twice)) <= 1e-14 * borel.maximum(borel.abs(twice)), "draws are mixed up")
  assert(borel.sum(b:gt(0)) == b.size)
end

-- ---- what is no loop -------------------------------------------------------------------------------------------

-- One step in the middle has another form: the recursion before it and that after it are two.
local function broken(n)
  return function()
    local a, b = sample("a", dist.normal(0, 0.3)), sample("b", dist.half_normal(1))
    local x = a
    for t = 1, n do
      if t == 40 then x = borel.exp(-x) else x = borel.tanh(a * x + values[t]) end
      observe(dist.normal(x, b), values[t])
    end
  end
end
built("a broken recursion", broken(T))

-- Steps whose forms never repeat with any period: everything stays as it is written.
local state = 12345
local forms = { borel.tanh, borel.sin, function(x) return x * x end, function(x) return borel.exp(-x * x) end }
local order = {}
for t = 1, 40 do
  state = (1103515245 * state + 12345) % 2 ^ 31
  order[t] = state // 65536 % 4 + 1
end
local about = built("no two periods alike", function()
  local a, b = sample("a", dist.normal(0, 0.3)), sample("b", dist.half_normal(1))
  local x = a
  for t = 1, 40 do x = forms[order[t]](x) + values[t] end
  observe(dist.normal(x, b), 0.25)
end)
assert(not about.text:find "steps", "a scan where nothing repeats")

-- Each step reads another earlier one: the distance grows, so this is no recursion of fixed order.
about = built("growing distances", function()
  local a, b = sample("a", dist.normal(0, 0.3)), sample("b", dist.half_normal(1))
  local x = { a }
  for t = 2, 60 do x[t] = borel.tanh(x[t - 1] + x[(t + 1) // 2] * values[t]) end
  observe(dist.normal(x[60], b), 0.25)
end)
assert(not about.text:find "steps", "a scan over distances that grow")

-- The same twice: re-rolling is a function of the model.
assert(built("again", garch(rough)(T)).text == built("again", garch(rough)(T)).text)
