-- SPDX-License-Identifier: MIT
-- The programs of examples/universal: each of two compositions within 5 Monte Carlo errors of the exact answer.
local core = require "borel.core"
local folder = debug.getinfo(1, "S").source:match "^@(.*/)tests/lua/" or "./"
if folder:sub(1, 1) ~= "/" then folder = core.current_folder() .. "/" .. folder end
package.path = folder .. "examples/universal/?.lua;" .. package.path

local place = os.tmpname() -- of the run directories
os.remove(place)
core.create_folder(place)
core.chdir(place)

local names = { "clusters", "expressions", "family", "geometric", "grammar", "hmm", "model_choice", "ruin", "scalar_implicature", "urn" }
for _, name in ipairs(names) do
  local rows = dofile(folder .. "examples/universal/" .. name .. ".lua")
  assert(#rows >= 2)
  for _, row in ipairs(rows) do
    assert(math.abs(row.estimate - row.truth) < 5 * row.error,
      ("%s by %s: %.6g +- %.2g, not %.6g"):format(name, row.what, row.estimate, row.error, row.truth))
  end
end
core.chdir "/"
os.execute(("rm -rf '%s'"):format(place))
