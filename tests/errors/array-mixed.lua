-- expect: array-mixed.lua:2: element [2] is a string, not a number
borel.array { 1, "2" }
