-- SPDX-License-Identifier: MIT
--- Loops that end when a condition fails: a scan of a bounded number of steps whose body is a choice, so that
-- values and derivatives are those of scan and cond.
local core = require "borel.core"
local options = require "borel.options"

local loop = {}

local function is_list(value) return type(value) == "table" and getmetatable(value) == nil end

local function need_function(what, value)
  if type(value) ~= "function" then core.error("while_loop: the " .. what .. " must be a function, got a " .. type(value)) end
end

--- borel.while_loop(test, step, carry, { most = n }): carry = step(carry) while test(carry) holds, n times at
-- most; returns the last carry (one value, or a list of them). A loop that would go on after n steps has no
-- value: the result is NaN. Derivatives keep n carries in memory, so `most` is the bound of both.
function loop.while_loop(test, step, carry, opts)
  need_function("condition", test)
  need_function("step", step)
  local most = options.check("while_loop", opts, { most = { type = "number", integer = true, min = 1 } }).most
  if not most then core.error("while_loop: say how many steps there may be at most, as in { most = 100 }") end
  local single = not is_list(carry)
  local function given(values) return single and values[1] or values end
  local function several(values)
    if single then return values end
    if not is_list(values) or #values ~= #carry then
      core.error(("while_loop: the step must return a list of %d carries"):format(#carry))
    end
    return table.unpack(values)
  end
  local last = core.scan(function(values)
    local now = given(values)
    return { core.cond(test(now), function() return several(step(now)) end, function() return several(now) end) }
  end, single and { carry } or carry, most)
  local unfinished = test(given(last))
  for i, value in ipairs(last) do last[i] = core.where(unfinished, 0 / 0, value) end
  return given(last)
end

return loop
