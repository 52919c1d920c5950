-- expect: dist-too-many.lua:3: normal takes 2 parameters, got 3: normal(mu, sigma)
borel.infer(borel.model(function()
  sample("mu", dist.normal(0, 1, 2))
end))
