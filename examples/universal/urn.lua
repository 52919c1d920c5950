-- SPDX-License-Identifier: MIT
-- An unknown number of things: the urn of Milch et al. (BLOG, IJCAI 2005): some balls, each black or white with 1/2, are
-- drawn ten times with replacement, a colour is told wrong with 0.2, and all ten were called black. Here the number
-- is uniform from 1 to 8; with k black balls of n each call is black with 0.2 + 0.6 k/n, k binomial: a finite sum.
local beside = require "beside"

local MOST, WRONG = 8, 0.2

local model = borel.model(function(calls)
  local n, black = sample("balls", dist.discrete_uniform(1, MOST)), {}
  for i = 1, n do black[i] = sample({ "black", i }, dist.bernoulli(0.5)) end
  for t, call in ipairs(calls) do
    local ball = sample({ "ball", t }, dist.discrete_uniform(1, n))
    observe(dist.bernoulli(black[ball] == 1 and 1 - WRONG or WRONG), call)
  end
  return n
end)

local calls, total, sum = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 0, 0
for n = 1, MOST do
  local ways = 1 -- n over k
  for k = 0, n do
    local mass = ways / 2 ^ n / MOST * (WRONG + (1 - 2 * WRONG) * k / n) ^ #calls
    total, sum, ways = total + mass, sum + n * mass, ways * (n - k) / (k + 1)
  end
end

return beside { model = model, data = calls, of = function(n) return n end, truth = sum / total, log_evidence = math.log(total),
  methods = { borel.trace_mh { steps = 5 }, borel.smc { particles = 100 } } }
