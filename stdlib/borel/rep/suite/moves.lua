-- SPDX-License-Identifier: MIT
-- Moves to test: finite[program] and conditional[program] on the finite programs; continuous[name] = { model, block,
-- auxiliary = its program, v, back = the auxiliary values there and back of the last proposal, flat(values, v) -> the map on
-- the numbers that it moves, where they are }; conjugate = { model, sites } whose conditional laws are of their families.
local borel = require "borel"
local rep = borel.rep
local dist, sample, observe = borel.dist, borel.sample, borel.observe

local moves = { finite = {}, continuous = {}, conditional = {} }

-- From one branch to the other.
moves.finite.P3 = rep.involutive {
  auxiliary = function(t)
    if t.b == 1 then
      sample("d", dist.bernoulli(0.3))
      sample("e", dist.bernoulli(0.8))
    else
      sample("c", dist.categorical { 0.5, 0.2, 0.3 })
    end
  end,
  involution = function(t, v)
    if t.b == 1 then return { b = 0, d = v.d, e = v.e }, { c = t.c } end
    return { b = 1, c = v.c }, { d = t.d, e = t.e }
  end }

-- One more or one less.
local function ones(t)
  local n = 0
  while t[("b[%d]"):format(n)] == 1 do n = n + 1 end
  return n
end
moves.finite.P6 = rep.involutive {
  auxiliary = function(t)
    local n = ones(t)
    sample("up", dist.bernoulli(n == 0 and 1 or n == 4 and 0 or 0.7))
  end,
  involution = function(t, v)
    local n = ones(t)
    if v.up == 1 then return { [("b[%d]"):format(n)] = 1, [("b[%d]"):format(n + 1)] = n < 3 and 0 or nil }, { up = 0 } end
    return { [("b[%d]"):format(n - 1)] = 0 }, { up = 1 }
  end }

-- The other support, where the value lies in both; nothing else moves.
moves.finite.P7 = rep.involutive { involution = function(t)
  if t.u > 1 then return nil end
  return { x = 1 - t.x }, {}
end }

-- Any number of changes of the path at once.
moves.finite.P5 = rep.involutive {
  auxiliary = function(t)
    for i = 1, 3 do sample({ "flip", i }, dist.bernoulli(t["z[1]"] == 1 and 0.3 or 0.4)) end
  end,
  involution = function(t, v)
    local changes, back = {}, {}
    for i = 1, 3 do
      local z, flip = ("z[%d]"):format(i), ("flip[%d]"):format(i)
      changes[z], back[flip] = t[z] ~ v[flip], v[flip]
    end
    return changes, back
  end }

-- A law that looks at another site, which is not always there.
local function p_of(t) return t.c == 2 and 0.7 or t.e == 1 and 0.2 or 0.5 end
moves.conditional.P3 = rep.conditional { site = "b", draw = function(choice, t) return choice:bernoulli(p_of(t)) end,
  logdensity = function(value, t) return math.log(value == 1 and p_of(t) or 1 - p_of(t)) end }
-- The conditional law of y: 1 and 2 to 1/2, times the prior.
local function p_y(t)
  local p = t.x == 1 and 3 / 4 or 1 / 4
  return p * 2 / (p * 2 + (1 - p) / 2)
end
moves.conditional.P1 = rep.conditional { site = "y", exact = true, draw = function(choice, t) return choice:bernoulli(p_y(t)) end,
  logdensity = function(value, t) return math.log(value == 1 and p_y(t) or 1 - p_y(t)) end }

-- ---- continuous ---------------------------------------------------------------------------------------------------------

local function copy(values)
  local other = {}
  for key, value in pairs(values) do other[key] = value end
  return other
end

local function case(name, given)
  local made = { model = given.model, flat = given.flat, auxiliary = borel.model(given.auxiliary) }
  made.block = rep.involutive { check = "full", auxiliary = given.auxiliary, log_jacobian = given.log_jacobian,
    involution = function(t, v)
      local changes, back = given.involution(t, v)
      if not made.v then made.v, made.back = copy(v), copy(back) end -- the first of the calls of a proposal
      return changes, back
    end }
  moves.continuous[name] = made
end

-- One component or two, whose product is what was one: a = a' b.
case("split and merge", {
  model = borel.model(function()
    local two = sample("two", dist.bernoulli(0.4))
    local a = sample("a", dist.normal(0, 1))
    local b = two == 1 and sample("b", dist.gamma(2, 1)) or 1
    observe(dist.normal(a * b, 0.5), 0.7)
  end),
  auxiliary = function(t)
    if t.two == 0 then sample("v", dist.normal(t.a / 2, 1)) end
  end,
  involution = function(t, v)
    if t.two == 0 then return { two = 1, a = t.a * borel.exp(-2 * v.v), b = borel.exp(2 * v.v) }, {} end
    return { two = 0, a = t.a * t.b }, { v = borel.log(t.b) / 2 }
  end,
  flat = function(t, v)
    if t.two == 0 then return function(x) return { x[1] * math.exp(-2 * x[2]), math.exp(2 * x[2]) } end, { t.a, v.v } end
    return function(x) return { x[1] * x[2], math.log(x[2]) / 2 } end, { t.a, t.b }
  end })

-- A vector is turned about its second axis and scaled; another site is looked at and stays.
case("vectors", {
  model = borel.model(function()
    local theta = sample("theta", dist.normal(0, 1):iid(3))
    local scale = sample("scale", dist.exponential(1))
    observe(dist.normal(theta * scale, 1), { 1, 0, -1 })
  end),
  log_jacobian = function(_, v) return v.u * 2 end,
  auxiliary = function() sample("u", dist.normal(0, 0.5)) end,
  involution = function(t, v)
    local x, g = t.theta, borel.exp(v.u)
    return { theta = borel.stack { x[3] * g, x[2], x[1] * g } }, { u = -v.u }
  end,
  flat = function(t, v)
    local x1, x3 = t.theta[1], t.theta[3] -- x[2] stays
    return function(x) return { x[2] * math.exp(x[3]), x[1] * math.exp(x[3]), -x[3] } end, { x1, x3, v.u }
  end })

-- Two sites change places, one is redrawn: all are passed on.
case("passed on", {
  model = borel.model(function()
    local a, b = sample("a", dist.normal(0, 1)), sample("b", dist.normal(1, 2))
    sample("c", dist.normal(a, 1))
    observe(dist.normal(a - b, 1), 0.3)
  end),
  auxiliary = function(t) sample("v", dist.normal(t.a, 2)) end,
  involution = function(t, v) return { a = t.b, b = t.a, c = v.v }, { v = t.c } end,
  flat = function() return nil, {} end })

-- ---- conjugate ----------------------------------------------------------------------------------------------------------

moves.conjugate = { sites = { "mu", "other", "p", "rate", "scale", "variance", "shares" }, model = borel.model(function()
  local mu = sample("mu", dist.normal(1, 2))
  local other = sample("other", dist.normal(2 * mu - 1, 0.7))
  local p = sample("p", dist.beta(2, 3))
  local rate = sample("rate", dist.gamma(2, 0.5))
  local scale = sample("scale", dist.exponential(2))
  local variance = sample("variance", dist.inverse_gamma(3, 2))
  local shares = sample("shares", dist.dirichlet { 1, 2, 0.5 })
  local z = sample("z", dist.categorical(shares))
  for _, value in ipairs { 0.3, 1.2, -0.4 } do observe(dist.normal(mu + other, 0.5), value) end
  observe(dist.binomial(10, p), 7)
  observe(dist.bernoulli(p), 1)
  observe(dist.poisson(3 * rate):iid(4), { 3, 0, 5, 9 })
  observe(dist.exponential(scale), 0.4)
  observe(dist.gamma(2, scale), 1.3)
  observe(dist.normal(0.5, variance ^ 0.5), 1.7)
  observe(dist.multinomial(6, shares), { 1, 2, 3 })
  observe(dist.categorical(shares), z)
end) }

return moves
