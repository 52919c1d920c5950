-- expect: option-threads.lua:2: borel.infer: option 'threads' is -2, must be at least 0
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { threads = -2 })
