-- expect: array-no-argument.lua:2: exp takes 1 value, got 0
borel.exp()
