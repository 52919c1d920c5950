-- expect: kernel-on-nothing.lua:2: on: nothing is discrete
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.cycle { borel.on("z", "gibbs"), borel.nuts {} } })
