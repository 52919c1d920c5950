-- SPDX-License-Identifier: MIT
-- The programs of examples/universal: each of two compositions within 5 Monte Carlo errors of the exact answer.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)tests/lua/" or "./"
package.path = folder .. "examples/universal/?.lua;" .. package.path

local names = { "clusters", "expressions", "family", "geometric", "grammar", "hmm", "model_choice", "ruin", "scalar_implicature", "urn" }
for _, name in ipairs(names) do
  local rows = dofile(folder .. "examples/universal/" .. name .. ".lua")
  assert(#rows >= 2)
  for _, row in ipairs(rows) do
    assert(math.abs(row.estimate - row.truth) < 5 * row.error,
      ("%s by %s: %.6g +- %.2g, not %.6g"):format(name, row.what, row.estimate, row.error, row.truth))
  end
end
