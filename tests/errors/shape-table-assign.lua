-- expect: shape-table-assign.lua:3: arrays cannot be changed: build a new one, with borel.where or borel.stack
local x = borel.zeros(3)
x[1] = 5
