-- SPDX-License-Identifier: MIT
-- One gradient of each of the five models, for tests/cli/instructions.sh. Prints the engine, which they share, and the
-- models in their order. Argument: the folder of the repository.
local posterior = require "posterior"
local root = ...

for k, case in ipairs(posterior.five) do
  local script, name = table.unpack(case)
  local model, data = posterior.load(("%s/examples/posteriordb/%s.lua"):format(root, script))
  local target = model:trace(data).target
  local u = {}
  for i = 1, target:describe().D do u[i] = 0.6 * math.sin(1.3 * i) end
  if k == 1 then print(target:describe().engine) end
  target:evaluate(u, {})
  print(name)
end
