-- expect: kernel-is-density.lua:2: there is no kernel named "gaussian"
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.kernel "gaussian" })
