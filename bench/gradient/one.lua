-- SPDX-License-Identifier: MIT
-- One gradient of the posterior of a script, for bench/instructions.sh. Argument: its path.
local posterior = require "posterior"

local model, data = posterior.load((...))
local target = model:trace(data).target
local u = {}
for i = 1, target:describe().D do u[i] = 0.6 * math.sin(1.3 * i) end
target:evaluate(u, {})
