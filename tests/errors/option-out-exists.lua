-- expect: option-out-exists.lua:2: 'data' holds files that are not of a run: choose an empty directory
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { out = "data" })
