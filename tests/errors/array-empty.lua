-- expect: array-empty.lua:2: an array cannot be empty: the table has no elements
borel.array {}
