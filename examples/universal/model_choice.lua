-- SPDX-License-Identifier: MIT
-- Branches with different continuous sites: is the mean of some numbers 0, or unknown with a normal prior? The evidence of
-- both is normal: with y_i of variance 1 and prior variance v, the Bayes factor of the second is
-- (1 + n v)^(-1/2) exp(v (sum y)^2 / (2 (1 + n v))) (Bernardo and Smith, Bayesian Theory, 1994, section 6.1).
local beside = require "beside"

local V = 4

local model = borel.model(function(y)
  local free = sample("free", dist.bernoulli(0.5))
  local mean = free == 1 and sample("mean", dist.normal(0, math.sqrt(V))) or 0
  for _, seen in ipairs(y) do observe(dist.normal(mean, 1), seen) end
  return free
end)

local y, sum = { 0.9, -0.2, 1.4, 0.8, 0.3 }, 0
for _, seen in ipairs(y) do sum = sum + seen end
local odds = (1 + #y * V) ^ -0.5 * math.exp(V * sum ^ 2 / (2 * (1 + #y * V)))

return beside { model = model, data = y, of = function(free) return free end, truth = odds / (1 + odds),
  methods = { borel.trace_mh { steps = 5 }, borel.importance { particles = 500 } } }
