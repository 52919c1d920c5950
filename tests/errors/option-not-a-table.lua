-- expect: option-not-a-table.lua:2: borel.infer: options are a table, got a number
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), 1000)
