-- SPDX-License-Identifier: MIT
-- The models of *.wppl, the same choices in the same order, and the exact mean of what each returns.
local models = {}

local function again(n) return sample({ "again", n }, dist.bernoulli(0.5)) == 1 and again(n + 1) or n end

-- As examples/universal/geometric.lua works out.
models.geometric = { truth = (10 / 16 + (5 * 4 / 3 + 4 / 9) / 64) / (1 / 4 + 1 / 48), fn = function()
  local n = again(1)
  factor(-math.abs(n - 4) * math.log(2))
  return n
end }

local states = { 1, 1, 1, 0, 0, 0, 1, 1 }

models.hmm = { fn = function()
  local state = 1
  for t, seen in ipairs(states) do
    state = sample({ "state", t }, dist.bernoulli(state == 1 and 0.7 or 0.3))
    observe(dist.bernoulli(state == 1 and 0.9 or 0.1), seen)
  end
  return state
end }
do -- forward recursion
  local p = { [0] = 0, 1 }
  for _, seen in ipairs(states) do
    local up = (0.7 * p[1] + 0.3 * p[0]) * (seen == 1 and 0.9 or 0.1)
    local down = (0.3 * p[1] + 0.7 * p[0]) * (seen == 1 and 0.1 or 0.9)
    p = { [0] = down / (up + down), up / (up + down) }
  end
  models.hmm.truth = p[1]
end

models.binomial = { truth = 1.5, fn = function()
  return sample("a", dist.bernoulli(0.5)) + sample("b", dist.bernoulli(0.5)) + sample("c", dist.bernoulli(0.5))
end }

local numbers = { 0.3, 1.1, 0.4, 1.9, 2.5, 2.2, 1.8, 2.9, 3.1, 2.0 }

models.walk = { fn = function()
  local x = 0
  for t, seen in ipairs(numbers) do
    x = sample({ "x", t }, dist.normal(x, 1))
    observe(dist.normal(x, 1), seen)
  end
  return x
end }
do -- Kalman filter
  local mean, variance = 0, 0
  for _, seen in ipairs(numbers) do
    variance = variance + 1
    mean, variance = mean + variance / (variance + 1) * (seen - mean), variance / (variance + 1)
  end
  models.walk.truth = mean
end

return models
