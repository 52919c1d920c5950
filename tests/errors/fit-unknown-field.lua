-- expect: fit-unknown-field.lua:3: attempt to call a nil value (method 'sumary')
local fit = borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { draws = 50, warmup = 50 })
fit:sumary()
