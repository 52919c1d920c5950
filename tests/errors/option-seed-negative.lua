-- expect: option-seed-negative.lua:2: borel.infer: option 'seed' is -1, must be at least 0
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { seed = -1 })
