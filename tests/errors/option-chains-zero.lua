-- expect: option-chains-zero.lua:2: borel.infer: option 'chains' is 0, must be between 1 and 10000
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { chains = 0 })
