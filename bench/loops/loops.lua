-- SPDX-License-Identifier: MIT
-- Plain loops and their vectorised forms; see ../loops.sh.
local borel = require "borel"
local core = require "borel.core"
local dist = borel.dist
local sample, observe = borel.sample, borel.observe

local T, REPEATS, ROUNDS = 1000, 200, 7
local values = {}
for t = 1, T do values[t] = math.sin(1.7 * t) * (1 + 0.5 * math.cos(t / 9)) end
local y = borel.array(values)

local function garch_parameters()
  return sample("mu", dist.normal(0, 1)), sample("a0", dist.half_normal(1)), sample("a1", dist.uniform(0, 1)),
    sample("b1", dist.uniform(0, 1))
end

local function chain_parameters() return sample("rho", dist.uniform(-1, 1)), sample("s", dist.half_normal(1)) end

local cases = {
  { "cases", function()
    local a, b, s = sample("a", dist.normal(0, 1)), sample("b", dist.normal(0, 1)), sample("s", dist.half_normal(1))
    for t = 2, T do observe(dist.normal(a + b * y[t - 1], s), y[t]) end
  end, function()
    local a, b, s = sample("a", dist.normal(0, 1)), sample("b", dist.normal(0, 1)), sample("s", dist.half_normal(1))
    observe(dist.normal(a + b * y:slice(1, T - 1), s), y:slice(2, T))
  end },
  { "sites", function()
    local mu, tau = sample("mu", dist.normal(0, 1)), sample("tau", dist.half_normal(1))
    for i = 1, T do observe(dist.normal(sample({ "theta", i }, dist.normal(mu, tau)), 1), y[i]) end
  end, function()
    local mu, tau = sample("mu", dist.normal(0, 1)), sample("tau", dist.half_normal(1))
    observe(dist.normal(sample("theta", dist.normal(mu, tau):iid(T)), 1), y)
  end },
  { "chain", function()
    local rho, s = chain_parameters()
    local x = sample({ "x", 1 }, dist.normal(0, s))
    observe(dist.normal(x, 1), y[1])
    for t = 2, T do
      x = sample({ "x", t }, dist.normal(rho * x, s))
      observe(dist.normal(x, 1), y[t])
    end
  end, function()
    local rho, s = chain_parameters()
    local x = sample("x", dist.flat():iid(T))
    borel.factor(dist.normal(0, s):logdensity(x[1]))
    borel.factor(dist.normal(rho * x:slice(1, T - 1), s):logdensity(x:slice(2, T)))
    observe(dist.normal(x, 1), y)
  end },
  { "garch", function()
    local mu, a0, a1, b1 = garch_parameters()
    local sigma = 0.5
    observe(dist.normal(mu, sigma), y[1])
    for t = 2, T do
      sigma = borel.sqrt(a0 + a1 * (y[t - 1] - mu) ^ 2 + b1 * sigma ^ 2)
      observe(dist.normal(mu, sigma), y[t])
    end
  end, function()
    local mu, a0, a1, b1 = garch_parameters()
    local _, sigma = borel.scan(function(s, e)
      local new = borel.sqrt(e + b1 * s ^ 2)
      return new, new
    end, 0.5, a0 + a1 * (y:slice(1, T - 1) - mu) ^ 2)
    observe(dist.normal(mu, 0.5), y[1])
    observe(dist.normal(mu, sigma), y:slice(2, T))
  end },
}

local function measure(fn)
  local start = core.clock()
  local traced = borel.model(fn):trace({}, "native")
  local built, u, best = core.clock() - start, {}, math.huge
  for i = 1, traced.target:describe().D do u[i] = 0.3 * math.sin(i) end
  for _ = 1, ROUNDS do
    local _, _, seconds = traced.target:evaluate(u, {}, REPEATS)
    best = math.min(best, seconds / REPEATS)
  end
  return built, best * 1e6, traced.target:evaluate(u, {})
end

for _, case in ipairs(cases) do
  local name, plain, vectorised = table.unpack(case)
  local built, loop, value = measure(plain)
  local vector_built, vector, other = measure(vectorised)
  assert(math.abs(value - other) <= 1e-10 * math.abs(other), name .. ": the two forms differ")
  for _, figure in ipairs { { "build_s", built }, { "vectorised_build_s", vector_built }, { "gradient_us", loop },
    { "vectorised_gradient_us", vector }, { "gradient_ratio", loop / vector } } do
    print(("FIGURE loops_%s_%s %.2f"):format(name, figure[1], figure[2]))
  end
end
