-- SPDX-License-Identifier: MIT
-- A hidden Markov model written as it is told: for each interval a state, and what was seen in it. marginalize = true sums the
-- states out of the density one after the other, which is the forward recursion, and NUTS moves what is left.
--   ./dev run examples/hidden_markov.lua

-- Counts of movements in 240 intervals, most of them quiet, some lively.
local movements = borel.model(function(data)
  local stay = sample("stay", dist.beta(8, 2):iid(2)) -- the probabilities of staying quiet and of staying lively
  local quiet = sample("quiet", dist.exponential(2)) -- mean counts
  local more = sample("more", dist.exponential(0.5))
  local lively
  for t = 1, data.intervals do
    local p = t == 1 and 0.5 or borel.where(borel.eq(lively, 1), stay[2], 1 - stay[1])
    lively = sample({ "lively", t }, dist.bernoulli(p), { marginalize = true })
    observe({ "count", t }, dist.poisson(quiet + more * lively), data.count and data.count[t])
  end
end)

-- The counts are made by the model itself, with parameters that the fit should find again.
local data = { intervals = 240 }
local truth = borel.intervene(movements, { stay = { 0.95, 0.8 }, quiet = 0.3, more = 3 })
data.count = borel.simulate(truth, { data = data, draws = 1, seed = 4 }):draws("count")[1]

local fit = borel.infer(movements, { data = data })
print(fit:summary())
return fit
