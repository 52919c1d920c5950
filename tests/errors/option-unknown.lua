-- expect: option-unknown.lua:2: borel.infer: unknown option 'drawz'; did you mean 'draws'?
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { drawz = 10 })
