-- expect: shape-axes.lua:2: a shape has at most 4 axes, got 5
local x = borel.zeros { 1, 1, 1, 1, 1 }
