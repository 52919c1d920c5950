-- SPDX-License-Identifier: MIT
--- Switches that break one expression each, so that tests can show that they would notice. BOREL_MUTANT_LUA=move:3 sets
-- the switch of borel/rep/move.lua to 3 for the whole process:
--   local MUTANT = require "borel.mutant" "move"
--   local length = MUTANT == 1 and 0 or math.log(n) - math.log(m)
local file, number = (os.getenv "BOREL_MUTANT_LUA" or ""):match "^([%w_]+):(%d+)$"
if file then io.stderr:write(("borel: mutant %s:%s is on, results are wrong\n"):format(file, number)) end

--- The number of the switch that is on in `name`, 0 for none.
return function(name) return name == file and math.tointeger(number) or 0 end
