-- SPDX-License-Identifier: MIT
-- A Dirichlet process mixture as a Chinese restaurant (Aldous 1985): how many clusters have five numbers? A cluster's mean is
-- drawn when somebody sits down at a new table. The answer is exact from the collapsed model, whose 52 partitions
-- borel.enumerate goes through: there the means are summed out, a number's law given its table is normal.
local beside = require "beside"

local PRIOR, NOISE, ALPHA = 3, 0.5, 1 -- standard deviations of means and of numbers, concentration

-- The table of guest i: one of those there, in proportion to who sits there, or a new one.
local function seat(i, guests)
  local weights = { table.unpack(guests) }
  weights[#weights + 1] = ALPHA
  for k, w in ipairs(weights) do weights[k] = w / (i - 1 + ALPHA) end
  return sample({ "table", i }, dist.categorical(weights))
end

local model = borel.model(function(y)
  local guests, means = {}, {}
  for i, seen in ipairs(y) do
    local k = #guests == 0 and 1 or seat(i, guests)
    if not means[k] then means[k] = sample({ "mean", k }, dist.normal(0, PRIOR)) end
    guests[k] = (guests[k] or 0) + 1
    observe(dist.normal(means[k], NOISE), seen)
  end
  return #guests
end)

local collapsed = borel.model(function(y)
  local guests, mean, variance = {}, {}, {}
  for i, seen in ipairs(y) do
    local k = #guests == 0 and 1 or seat(i, guests)
    local m, v = mean[k] or 0, variance[k] or PRIOR ^ 2
    observe(dist.normal(m, math.sqrt(v + NOISE ^ 2)), seen)
    mean[k], variance[k] = m + v / (v + NOISE ^ 2) * (seen - m), v * NOISE ^ 2 / (v + NOISE ^ 2)
    guests[k] = (guests[k] or 0) + 1
  end
  return #guests
end)

local y = { -1.2, -0.8, 1.1, 0.6, 1.4 }
local exact, truth = borel.marginal(collapsed, y), 0
for _, count in ipairs(exact.values) do truth = truth + count * exact:p(count) end

return beside { model = model, data = y, of = function(count) return count end, truth = truth, log_evidence = math.log(exact.total),
  methods = { borel.trace_mh { steps = 5 }, borel.smc { particles = 100, moves = 1 } }, chains = 10, draws = 200 }
