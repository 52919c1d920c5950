-- SPDX-License-Identifier: MIT
--- A hash of programs in Lua: of their bytecode and of the functions, models, numbers and texts that they hold of the script
-- around them. Comments and lines do not count; what lies in tables and among the globals is not looked at.
local core = require "borel.core"

local collect

-- What a function holds.
local function collect_upvalues(parts, seen, fn)
  for i = 1, debug.getinfo(fn, "u").nups do
    local _, held = debug.getupvalue(fn, i)
    collect(parts, seen, held)
  end
end

-- Adds what tells `value` apart to `parts`. seen: the functions that are there.
function collect(parts, seen, value)
  if type(value) == "table" and type(rawget(value, "fn")) == "function" then value = value.fn end -- a model
  local kind = type(value)
  if kind == "number" or kind == "string" or kind == "boolean" then parts[#parts + 1] = tostring(value) end
  if kind ~= "function" or seen[value] then return end
  seen[value] = true
  local about = debug.getinfo(value, "S")
  if about.what == "C" or about.source:sub(1, 7) == "=borel/" then return end
  parts[#parts + 1] = string.dump(value, true)
  collect_upvalues(parts, seen, value)
end

--- fingerprint{ value, ... }: 16 hexadecimal digits of models, functions, numbers and texts.
return function(values)
  local parts, seen = {}, {}
  for _, value in ipairs(values) do collect(parts, seen, value) end
  return core.hash(table.concat(parts, "\0"))
end
