-- SPDX-License-Identifier: MIT
--- Shapes of values, whatever the value is: a list of extents, {} for a number.
local core = require "borel.core"

local shape = {}

function shape.of(value)
  if type(value) == "number" or type(value) == "boolean" then return {} end
  return value.shape
end

function shape.text(extents) return "[" .. table.concat(extents, ", ") .. "]" end

--- The shape of two broadcast together, nil when they do not fit.
function shape.broadcast(a, b)
  local rank, out = math.max(#a, #b), {}
  for i = 1, rank do
    local ea, eb = a[#a - rank + i] or 1, b[#b - rank + i] or 1
    if ea ~= eb and ea ~= 1 and eb ~= 1 then return nil end
    out[i] = ea == 1 and eb or ea
  end
  return out
end

function shape.size(extents)
  local n = 1
  for _, extent in ipairs(extents) do n = n * extent end
  return n
end

--- The 1-based indices of place k (0-based, row-major).
function shape.index(extents, k)
  local index = {}
  for axis = #extents, 1, -1 do
    index[axis] = k % extents[axis] + 1
    k = k // extents[axis]
  end
  return index
end

function shape.equal(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

--- The elements of a number or array as a flat list.
function shape.flat(value)
  if type(value) == "number" then return { value } end
  if type(value) == "boolean" then return { value and 1 or 0 } end
  return value:reshape { value.size }:totable()
end

--- Is every element of a known mask true? False for symbolic masks.
function shape.all_true(mask)
  if type(mask) == "boolean" then return mask end
  if core.is_symbolic(mask) then return false end
  return core.sum(core.where(mask, 0.0, 1.0)) == 0
end

--- Place (flat, 1-based) of the first NaN of a known value, nil when there is none.
function shape.first_nan(value)
  if type(value) == "number" then return value ~= value and 1 or nil end
  if not core.is_array(value) or value.dtype ~= "f64" or shape.all_true(core.eq(value, value)) then return nil end
  for i, x in ipairs(shape.flat(value)) do
    if x ~= x then return i end
  end
end

--- Place (flat, 1-based) of the first infinite element of a known value without NaN, nil when there is none.
function shape.first_infinite(value)
  if type(value) == "number" then return value - value ~= 0 and 1 or nil end
  if not core.is_array(value) or value.dtype ~= "f64" then return nil end
  local finite = value - value
  if shape.all_true(core.eq(finite, finite)) then return nil end
  for i, x in ipairs(shape.flat(value)) do
    if x - x ~= 0 then return i end
  end
end

return shape
