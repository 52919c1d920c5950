-- expect: option-draws-text.lua:2: borel.infer: option 'warmup' must be a number, got a string
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { warmup = "many" })
