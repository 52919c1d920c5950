-- expect: array-cycle.lua:4: an array has at most 4 axes
local t = {}
t[1] = t
borel.array(t)
