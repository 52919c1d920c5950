-- expect: array-ragged.lua:2: ragged: table [2] has 1 elements, others have 2
borel.array { { 1, 2 }, { 3 } }
