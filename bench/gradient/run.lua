-- SPDX-License-Identifier: MIT
-- See ../gradient.sh. Arguments: the shared object of the gradients by hand, the folder of the repository.
local posterior = require "posterior"

local object, root = ...
local hand = assert(package.loadlib(object, "luaopen_hand"))()
local POINTS, TOLERANCE, ROUNDS, BATCH_SECONDS = 4, 1e-9, 2000, 3e-4

local function point(size, k)
  local u = {}
  for i = 1, size do u[i] = 0.6 * math.sin(1.3 * i + k) end
  return u
end

local function agree(name, a, b)
  local worst = math.abs(a[1] - b[1]) / math.max(1, math.abs(a[1]))
  local scale = 1
  for _, x in ipairs(a[2]) do scale = math.max(scale, math.abs(x)) end
  for i, x in ipairs(a[2]) do worst = math.max(worst, math.abs(x - b[2][i]) / scale) end
  if worst > TOLERANCE or worst ~= worst then error(("%s: Borel and the code by hand differ by %g"):format(name, worst), 0) end
end

-- Seconds of one call: the least of several batches.
local function seconds(call, times, batches)
  local least = math.huge
  for _ = 1, batches do least = math.min(least, call(times)) end
  return least / times
end

-- The same of each, batches taking turns.
local function race(calls)
  local best, times = {}, {}
  for k, call in ipairs(calls) do
    times[k], best[k] = 1, math.huge
    while times[k] * seconds(call, times[k], 5) < BATCH_SECONDS do times[k] = 2 * times[k] end
  end
  for _ = 1, ROUNDS do
    for k, call in ipairs(calls) do best[k] = math.min(best[k], seconds(call, times[k], 1)) end
  end
  return table.unpack(best)
end

local worst = 0
print(("%-14s %5s %12s %12s %7s"):format("model", "D", "Borel us", "by hand us", "ratio"))
for _, case in ipairs(posterior.five) do
  local script, name, fields = table.unpack(case)
  local model, data = posterior.load(("%s/examples/posteriordb/%s.lua"):format(root, script))
  local target = model:trace(data, "native").target
  local by_hand, size = hand.model(name, posterior.columns(data, fields)), target:describe().D
  for k = 1, POINTS do
    local u = point(size, k)
    agree(name, { target:evaluate(u, {}) }, { by_hand(u) })
  end
  local u = point(size, 0)
  local native, hand_seconds = race { function(times) return select(3, target:evaluate(u, {}, times)) end,
    function(times) return select(3, by_hand(u, times)) end }
  local ratio = native / hand_seconds
  worst = math.max(worst, ratio)
  print(("%-14s %5d %12.4f %12.4f %7.2f"):format(name, size, 1e6 * native, 1e6 * hand_seconds, ratio))
  print(("FIGURE gradient_ratio_%s %.3f"):format(name, ratio))
end
print(("FIGURE gradient_ratio_max %.3f"):format(worst))

-- Several points at once beside one after the other, of posteriors small enough for lanes of points.
local BATCH = 8
print(("\n%-44s %5s %14s %14s %7s"):format("posterior", "D", "single ns", "batch ns", "gain"))
for _, script in ipairs(posterior.small) do
  local model, data = posterior.load(("%s/examples/posteriordb/%s.lua"):format(root, script))
  local target = model:trace(data, "native").target
  local size, points = target:describe().D, {}
  for k = 1, BATCH do points[k] = point(size, k) end
  local values, gradients = target:evaluate_points(points)
  for k, u in ipairs(points) do
    local value, gradient = target:evaluate(u, {})
    local same = value == values[k]
    for i = 1, size do same = same and gradient[i] == gradients[k][i] end
    if not same then error(("%s: a point of several gets other bits than alone"):format(script), 0) end
  end
  local single, batch = race { function(times) return select(3, target:evaluate(points[1], {}, times)) end,
    function(times) return select(3, target:evaluate_points(points, times)) end }
  batch = batch / BATCH
  print(("%-44s %5d %14.1f %14.1f %7.2f"):format(script, size, 1e9 * single, 1e9 * batch, single / batch))
  print(("FIGURE batch_gain_%s %.3f"):format(script:gsub("%W", "_"), single / batch))
end
