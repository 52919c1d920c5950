-- SPDX-License-Identifier: MIT
-- The enumerating handler against measures worked out by hand, as fractions.
local borel = require "borel"
local dist, sample, factor, log = borel.dist, borel.sample, borel.factor, math.log

local function check(name, fn, want, total)
  local have, sum = borel.enumerate(borel.model(fn))
  for outcome, mass in pairs(want) do
    local got = have[outcome]
    assert(got, ("%s: outcome %s is missing"):format(name, outcome))
    assert(math.abs(got - mass) <= 1e-14, ("%s: %s has mass %.17g, not %.17g"):format(name, outcome, got, mass))
  end
  for outcome, mass in pairs(have) do
    assert(want[outcome] or mass == 0, ("%s: %s has mass %g, not 0"):format(name, outcome, mass))
  end
  assert(math.abs(sum - total) <= 1e-14, ("%s: the total is %.17g, not %.17g"):format(name, sum, total))
end

check("two coins", function()
  local x = sample("x", dist.bernoulli(1 / 3))
  local y = sample("y", dist.bernoulli(x == 1 and 3 / 4 or 1 / 4))
  factor(y == 1 and log(2) or log(1 / 2))
  return x, y
end, { ["0 0"] = 1 / 4, ["0 1"] = 1 / 3, ["1 0"] = 1 / 24, ["1 1"] = 1 / 2 }, 9 / 8)

-- The branches differ in their number of factors.
check("rain", function()
  local r = sample("r", dist.bernoulli(0.3))
  if r == 1 then factor(log(0.2)) end
  local s = sample("s", dist.bernoulli(r == 1 and 0.1 or 0.4))
  if s == 1 then factor(log(0.1)) end
  return r
end, { ["0"] = 56 / 125, ["1"] = 273 / 5000 }, 2513 / 5000)

-- The branches differ in their number of sites.
check("branches", function()
  if sample("b", dist.bernoulli(0.3)) == 1 then
    local c = sample("c", dist.categorical { 0.2, 0.5, 0.3 })
    factor(log(({ 1, 3, 0.5 })[c]))
    return "L", c - 1
  end
  local d = sample("d", dist.bernoulli(0.6))
  local e = sample("e", dist.bernoulli(d == 1 and 0.9 or 0.2))
  factor(e == 1 and log(2) or log(0.25))
  return "R", d, e
end, {
  ["L 0"] = 3 / 50, ["L 1"] = 9 / 20, ["L 2"] = 9 / 200, ["R 0 0"] = 7 / 125, ["R 0 1"] = 14 / 125,
  ["R 1 0"] = 21 / 2000, ["R 1 1"] = 189 / 250,
}, 2979 / 2000)

-- Hard conditioning: factors of 0.
check("impossible", function()
  local x = sample("x", dist.discrete_uniform(0, 3))
  factor(x % 2 == 0 and 0 or -math.huge)
  local y = sample("y", dist.bernoulli(0.5))
  factor((x == 0 or y == 1) and 0 or -math.huge)
  return x, y
end, { ["0 0"] = 1 / 8, ["0 1"] = 1 / 8, ["2 1"] = 1 / 8 }, 3 / 8)

-- Observations weigh like factors; arrays of sites branch element by element.
check("observed", function(_)
  local z = sample("z", dist.bernoulli(0.5):iid(2))
  borel.observe(dist.bernoulli(z[1] == 1 and 0.9 or 0.2), 1)
  return z[1], z[2]
end, { ["0 0"] = 0.05, ["0 1"] = 0.05, ["1 0"] = 0.225, ["1 1"] = 0.225 }, 0.55)

-- A support that depends on what was drawn: outside it an observation is impossible, not wrong.
check("support", function()
  local n = sample("n", dist.discrete_uniform(1, 4))
  borel.observe(dist.discrete_uniform(1, n), 3)
  borel.observe(dist.uniform(0, n), 2.5)
  return n
end, { ["3"] = 1 / 36, ["4"] = 1 / 64 }, 1 / 36 + 1 / 64)

-- A law with infinitely many outcomes is refused by name.
local ok, message = pcall(borel.enumerate, borel.model(function() return sample("x", dist.normal(0, 1)) end))
assert(not ok and message:find("normal", 1, true), message)

-- ---- borel.marginal ---------------------------------------------------------------------------------------------------

local runs = 0
local coin = borel.model(function(p, scale)
  runs = runs + 1
  local x = sample("x", dist.bernoulli(p))
  factor(x == 1 and log(scale[1]) or 0)
  return x == 1 and "up" or "down"
end)
local law = borel.marginal(coin, 0.5, { 3 })
assert(math.abs(law:p "up" - 3 / 4) < 1e-14 and law:p "side" == 0 and law:log_p "side" == -math.huge and math.abs(law.total - 2) < 1e-14)
assert(borel.marginal(coin, 0.5, { 3 }) == law and runs == 2, "found once")
assert(borel.marginal(coin, 0.5, { 1 }):p "up" == 0.5 and borel.marginal(coin, 0.25, { 1 }):p "up" == 0.25, "other arguments")
check("drawn from a law", function()
  local x = borel.marginal(coin, 0.5, { 3 }):sample "x"
  return x, sample("y", dist.bernoulli(0.5))
end, { ["up 0"] = 3 / 8, ["up 1"] = 3 / 8, ["down 0"] = 1 / 8, ["down 1"] = 1 / 8 }, 1)
assert(not pcall(borel.marginal, borel.model(function() factor(-math.huge) end)))
