borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.random_walk {} })
