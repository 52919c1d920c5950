-- expect: array-too-many.lua:2: log takes 1 value, got 3
borel.log(1, 2, 3)
