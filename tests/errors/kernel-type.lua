-- expect: kernel-type.lua:2: nuts: parameter target_accept is a text, but must be a number
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.nuts { target_accept = "high" } })
