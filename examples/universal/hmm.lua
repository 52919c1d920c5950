-- SPDX-License-Identifier: MIT
-- A hidden Markov model of any length: WebPPL's example hmm (npm webppl 0.9.15, examples/hmm.wppl): the state stays with
-- probability 0.7, is seen right with 0.9, begins as true, and false is seen three times. The forward recursion
-- gives the evidence and the last state: (0.07, 0.27), (0.013, 0.189), (0.00658, 0.12258).
local beside = require "beside"

local model = borel.model(function(seen)
  local state = 1
  for t, y in ipairs(seen) do
    state = sample({ "state", t }, dist.bernoulli(state == 1 and 0.7 or 0.3))
    observe(dist.bernoulli(state == 1 and 0.9 or 0.1), y)
  end
  return state
end)

return beside { model = model, data = { 0, 0, 0 }, of = function(state) return state end, truth = 0.00658 / 0.12916,
  log_evidence = math.log(0.12916), methods = { borel.trace_mh {}, borel.smc { particles = 500 } } }
