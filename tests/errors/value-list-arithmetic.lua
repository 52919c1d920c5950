-- expect: value-list-arithmetic.lua:3: attempt to perform arithmetic on a table value (local 'x'); borel.array makes an array of a list
local x = { 1, 2 }
print(2 * x)
