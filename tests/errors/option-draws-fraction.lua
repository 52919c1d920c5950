-- expect: option-draws-fraction.lua:2: borel.infer: option 'warmup' must be a whole number, got 1.5
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { warmup = 1.5 })
