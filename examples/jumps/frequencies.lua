-- SPDX-License-Identifier: MIT
--- frequencies(values): how often a chain was at each value: { [value] = { mean =, error = } }, the error by the means of
-- 40 batches.
local BATCHES = 40

return function(values)
  local size, found = #values // BATCHES, {}
  for batch = 1, BATCHES do
    for i = (batch - 1) * size + 1, batch * size do
      local f = found[values[i]] or {}
      found[values[i]] = f
      f[batch] = (f[batch] or 0) + 1 / size
    end
  end
  for _, f in pairs(found) do
    local sum, squares = 0, 0
    for batch = 1, BATCHES do sum = sum + (f[batch] or 0) end
    f.mean = sum / BATCHES
    for batch = 1, BATCHES do squares = squares + ((f[batch] or 0) - f.mean) ^ 2 end
    f.error = math.sqrt(squares / (BATCHES - 1) / BATCHES)
  end
  return found
end
