-- SPDX-License-Identifier: MIT
-- Random programs: an expression is 1 with probability p, else a sum of two expressions; its value is seen to be about 4. Of the
-- expressions with value n there are Catalan(n - 1), each with probability p^n q^(n - 1), so that sums over n give
-- the posterior (weights 3^-|n - 4|). Under value 4 alone the left part would be 1, 2, 3 with 2/5, 1/5, 2/5.
local beside = require "beside"

local P = 0.6

local function expression(path)
  if sample({ "leaf", path }, dist.bernoulli(P)) == 1 then return 1 end
  return expression(path .. "l") + expression(path .. "r")
end

local model = borel.model(function()
  local value = expression "e"
  factor(-math.abs(value - 4) * math.log(3))
  return value
end)

local total, sum, mass = 0, 0, P -- mass: Catalan(n - 1) p^n q^(n - 1)
for n = 1, 400 do -- of what remains the weights are below 3^-396
  total, sum = total + mass * 3.0 ^ -math.abs(n - 4), sum + n * mass * 3.0 ^ -math.abs(n - 4)
  mass = mass * P * (1 - P) * 2 * (2 * n - 1) / (n + 1)
end

return beside { model = model, of = function(value) return value end, truth = sum / total, log_evidence = math.log(total),
  methods = { borel.trace_mh { steps = 5 }, borel.importance {} } }
