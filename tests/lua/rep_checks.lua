-- SPDX-License-Identifier: MIT
-- Prints the columns of the exact checks (borel/rep/suite/checks.lua) that fail, of the blocks that the argument names: "mh",
-- "smc", "particle_gibbs", "involutive", "temper", "gibbs", "conjugate", or all.
for _, check in ipairs(require("borel.rep.suite.checks").all) do
  if check.of:find(arg[1] or "", 1, true) then
    local ok, message = pcall(check.fn)
    if not ok then print(check[1], (tostring(message):gsub("[\n\t]", " "))) end
  end
end
