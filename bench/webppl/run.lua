-- SPDX-License-Identifier: MIT
-- run.lua NAME STEPS WARMUP CHAINS SEED: chains of one model; prints for each the mean and the seconds of processor time.
local models = require "models"
local name, steps, warmup = arg[1], math.tointeger(arg[2]), math.tointeger(arg[3])
local chains, seed = math.tointeger(arg[4]), math.tointeger(arg[5])
local model = borel.model(models[name].fn)
print(("truth %.17g"):format(models[name].truth))
for chain = 1, chains do
  local start = os.clock()
  local fit = borel.infer(model, { kernel = borel.trace_mh { steps = 1 }, chains = 1, draws = steps, warmup = warmup, progress = false,
    seed = 1000 * seed + chain })
  local seconds = os.clock() - start
  print(("chain %.17g %.6f"):format(fit:mean(function(value) return value end), seconds))
end
