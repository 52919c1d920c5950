-- SPDX-License-Identifier: MIT
-- run.lua NAME STEPS WARMUP CHAINS SEED: chains of one model; prints for each the mean and the seconds of processor time.
local models = require "models"
local name, counts = arg[1], { table.unpack(arg, 2) }
for i, text in ipairs(counts) do counts[i] = math.tointeger(text) end
local steps, warmup, chains, seed = table.unpack(counts)
local model = borel.model(models[name].fn)
print(("truth %.17g"):format(models[name].truth))
for chain = 1, chains do
  local start = os.clock()
  local fit = borel.infer(model, { kernel = borel.trace_mh { steps = 1 }, chains = 1, draws = steps, warmup = warmup, progress = false,
    seed = 1000 * seed + chain })
  local seconds = os.clock() - start
  print(("chain %.17g %.6f"):format(fit:mean(function(value) return value end), seconds))
end
