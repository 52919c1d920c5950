-- SPDX-License-Identifier: MIT
-- Reversible jumps of examples/jumps against posteriors summed over all configurations, within Monte Carlo errors.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)" .. "../../examples/jumps/"
package.path = folder .. "?.lua;" .. package.path

local function check(what, found, exact)
  local looked = 0
  for value, p in pairs(exact) do
    local f = found[value] or { mean = 0, error = 0 }
    if p > 0.03 then
      looked = looked + 1
      assert(f.error > 0 and f.error < 0.06 and math.abs(f.mean - p) < 4 * f.error,
        ("%s: P(%d) is %.4f +- %.4f, not %.4f"):format(what, value, f.mean, f.error, p))
    end
  end
  assert(looked >= 3, what)
end

local counts = { 4, 5, 4, 1, 0, 4, 3, 0, 0, 1, 0, 0, 1, 0 }
check("change points", dofile(folder .. "change_points.lua").compare(counts, 1200, 1))
check("components", dofile(folder .. "components.lua").compare({ 9.2, 16.1, 21.5, 22.9 }, 1200, 1))
