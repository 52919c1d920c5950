-- expect: kernel-gibbs-none.lua:2: borel.infer: gibbs moves discrete unknowns only and would leave the continuous unknown 'mu' where they start: combine it with a kernel that moves them: borel.nuts{}
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.gibbs {} })
