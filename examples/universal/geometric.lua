-- SPDX-License-Identifier: MIT
-- Recursion: flips until the first tail, and a noisy sight of their number. The prior is WebPPL's test model
-- "geometric" (npm webppl 0.9.15, tests/test-data/stochastic/models): P(n) = 2^-n. With a weight of 2^-|n - 4| the
-- posterior is proportional to 2^-(n + |n - 4|): 1/16 for each of n = 1 .. 4, then 2^(4 - 2n): the sums below are exact.
local beside = require "beside"

local function geometric(n)
  return sample({ "again", n }, dist.bernoulli(0.5)) == 1 and geometric(n + 1) or n
end

local model = borel.model(function()
  local n = geometric(1)
  factor(-math.abs(n - 4) * math.log(2))
  return n
end)

-- 4/16 + sum over n > 4 of 2^(4 - 2n) = 1/4 + 1/48; means 10/16 + (1/64)(5 * 4/3 + 4/9)
local total, sum = 1 / 4 + 1 / 48, 10 / 16 + (5 * 4 / 3 + 4 / 9) / 64
return beside { model = model, of = function(n) return n end, truth = sum / total, log_evidence = math.log(total),
  methods = { borel.trace_mh { steps = 5 }, borel.smc {} } }
