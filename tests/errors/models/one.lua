return borel.model(function() sample("mu", dist.normal(0, 1)) end)
