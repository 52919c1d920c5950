-- SPDX-License-Identifier: MIT
-- Finite programs whose measures were worked out by hand, as fractions. Between them they have branches with other
-- numbers of sites and factors, zero factors, recursion, and a support that depends on what was drawn.
local borel = require "borel"
local dist, sample, factor = borel.dist, borel.sample, borel.factor
local function weigh(w) factor(math.log(w)) end

local programs = {}

programs.P1 = { factors = 1, total = 9 / 8, measure = { ["0 0"] = 1 / 4, ["0 1"] = 1 / 3, ["1 0"] = 1 / 24, ["1 1"] = 1 / 2 },
  fn = function()
    local x = sample("x", dist.bernoulli(1 / 3))
    local y = sample("y", dist.bernoulli(x == 1 and 3 / 4 or 1 / 4))
    weigh(y == 1 and 2 or 1 / 2)
    return x, y
  end }

programs.P2 = { factors = 2, total = 2513 / 5000, measure = { ["0"] = 56 / 125, ["1"] = 273 / 5000 },
  fn = function()
    local r = sample("r", dist.bernoulli(0.3))
    if r == 1 then weigh(0.2) end
    local s = sample("s", dist.bernoulli(r == 1 and 0.1 or 0.4))
    if s == 1 then weigh(0.1) end
    return r
  end }

programs.P3 = { factors = 1, total = 2979 / 2000, measure = { ["L 0"] = 3 / 50, ["L 1"] = 9 / 20, ["L 2"] = 9 / 200, ["R 0 0"] = 7 / 125,
    ["R 0 1"] = 14 / 125, ["R 1 0"] = 21 / 2000, ["R 1 1"] = 189 / 250 },
  fn = function()
    if sample("b", dist.bernoulli(0.3)) == 1 then
      local c = sample("c", dist.categorical { 0.2, 0.5, 0.3 })
      weigh(({ 1, 3, 0.5 })[c])
      return "L", c - 1
    end
    local d = sample("d", dist.bernoulli(0.6))
    local e = sample("e", dist.bernoulli(d == 1 and 0.9 or 0.2))
    weigh(e == 1 and 2 or 0.25)
    return "R", d, e
  end }

programs.P4 = { factors = 2, total = 3 / 8, measure = { ["0 0"] = 1 / 8, ["0 1"] = 1 / 8, ["2 1"] = 1 / 8 },
  fn = function()
    local x = sample("x", dist.discrete_uniform(0, 3))
    weigh(x % 2 == 0 and 1 or 0)
    local y = sample("y", dist.bernoulli(0.5))
    weigh((x == 0 or y == 1) and 1 or 0)
    return x, y
  end }

local start, step, emit = 0.6, { [0] = 0.7, [1] = 0.2 }, { [0] = 0.9, [1] = 0.3 } -- probabilities of state 0, of y = 0
local function hmm(y, first, stay)
  local path = {}
  for t, seen in ipairs(y) do
    local p0 = t == 1 and first or stay[path[t - 1]]
    path[t] = sample({ "z", t }, dist.bernoulli(1 - p0))
    weigh(seen == 0 and emit[path[t]] or 1 - emit[path[t]])
  end
  return table.concat(path)
end

programs.P5 = { factors = 3, total = 29001 / 250000, measure = {}, fn = function() return hmm({ 0, 1, 1 }, start, step) end }
for path = 0, 7 do
  local z, mass = { path >> 2 & 1, path >> 1 & 1, path & 1 }, 1
  for t, seen in ipairs { 0, 1, 1 } do
    local p0 = t == 1 and start or step[z[t - 1]]
    mass = mass * (z[t] == 0 and p0 or 1 - p0) * (seen == 0 and emit[z[t]] or 1 - emit[z[t]])
  end
  programs.P5.measure[table.concat(z)] = mass
end

programs.P6 = { factors = 4, total = 20317 / 10000, measure = { ["0"] = 2 / 5, ["1"] = 9 / 25, ["2"] = 81 / 250, ["3"] = 729 / 2500,
    ["4"] = 6561 / 10000 },
  fn = function()
    local n = 0
    while n < 4 and sample({ "b", n }, dist.bernoulli(0.6)) == 1 do
      n = n + 1
      weigh(1.5)
    end
    return n
  end }

programs.P7 = { factors = 1, total = 2, measure = { ["0 0"] = 1 / 8, ["0 1"] = 1 / 4, ["0 2"] = 3 / 8, ["0 3"] = 1 / 2, ["1 0"] = 1 / 4,
    ["1 1"] = 1 / 2 },
  fn = function()
    local x = sample("x", dist.bernoulli(0.5))
    local u = sample("u", dist.discrete_uniform(0, x == 1 and 1 or 3))
    weigh(u + 1)
    return x, u
  end }

local P8 = { total = 231 / 1000, measure = { ["0 00"] = 21 / 1000, ["0 01"] = 63 / 1000, ["0 10"] = 3 / 1000, ["0 11"] = 49 / 1000,
  ["1 00"] = 3 / 1000, ["1 01"] = 21 / 250, ["1 10"] = 9 / 2000, ["1 11"] = 7 / 2000 } }
P8.parameters = borel.model(function() return sample("theta", dist.bernoulli(1 / 3)) end)
P8.model = borel.model(function(theta) return hmm({ 0, 1 }, 0.5, theta == 0 and { [0] = 0.7, [1] = 0.3 } or { [0] = 0.2, [1] = 0.9 }) end)
--- theta proposed from [1/4 3/4; 1/2 1/2].
function P8.propose(choice, theta)
  local up = { [0] = 0.75, [1] = 0.5 }
  local function q(from, to) return to == 1 and up[from] or 1 - up[from] end
  local new = choice:bernoulli(up[theta])
  return new, math.log(q(new, theta)) - math.log(q(theta, new))
end

for _, p in pairs(programs) do p.model = borel.model(p.fn) end
return { programs = programs, P8 = P8 }
