-- expect: fit-unknown-value.lua:3: the run has no value 'nu'; did you mean 'mu'?
local fit = borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { draws = 50, warmup = 50 })
fit:draws "nu"
