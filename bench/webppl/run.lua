-- SPDX-License-Identifier: MIT
-- run.lua NAME STEPS WARMUP CHAINS SEED: chains of one model; prints for each the mean and the seconds that it took, with
-- its run directory, in which every tenth step is a draw.
local core, models = require "borel.core", require "models"
local THIN = 10
local name, counts = arg[1], { table.unpack(arg, 2) }
for i, text in ipairs(counts) do counts[i] = math.tointeger(text) end
local steps, warmup, chains, seed = table.unpack(counts)
local model = borel.model(models[name].fn)
print(("truth %.17g"):format(models[name].truth))
for chain = 1, chains do
  local start = core.clock()
  local fit = borel.infer(model, { kernel = borel.trace_mh { steps = THIN }, chains = 1, draws = steps // THIN, warmup = warmup // THIN,
    progress = false, seed = 1000 * seed + chain })
  local seconds = core.clock() - start
  print(("chain %.17g %.6f"):format(fit:mean(function(value) return value end), seconds))
end
