-- SPDX-License-Identifier: MIT
-- Trees of any size: a family whose members have Poisson(1/2) children. Its size has Borel's law, P(n) =
-- exp(-n/2) (n/2)^(n-1) / n!, with mean 2 (Tanner, Biometrika 48, 1961). Given that there are at least two, which
-- has probability 1 - exp(-1/2), the mean is (2 - exp(-1/2)) / (1 - exp(-1/2)).
local beside = require "beside"

local RATE = 0.5

local function family(path)
  local size, children = 1, sample({ "children", path }, dist.poisson(RATE))
  for k = 1, children do size = size + family(path .. "." .. k) end
  return size
end

local model = borel.model(function()
  local size = family "1"
  factor(size > 1 and 0 or -math.huge)
  return size
end)

local alone = math.exp(-RATE)
return beside { model = model, of = function(size) return size end, truth = (1 / (1 - RATE) - alone) / (1 - alone),
  log_evidence = math.log(1 - alone), methods = { borel.trace_mh { steps = 5 }, borel.importance {} } }
