-- expect: array-holes.lua:2: element [2] is a nil, not a number
borel.array { 1, nil, 3 }
