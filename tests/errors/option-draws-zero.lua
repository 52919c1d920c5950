-- expect: option-draws-zero.lua:2: borel.infer: option 'draws' is 0, must be at least 1
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { draws = 0 })
