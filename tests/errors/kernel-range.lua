-- expect: kernel-range.lua:2: nuts: parameter max_depth is -3, outside [1, 20] doublings
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.nuts { max_depth = -3 } })
