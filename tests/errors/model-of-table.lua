-- expect: model-of-table.lua:2: borel.model needs a function, got a table
borel.model { mu = 1 }
