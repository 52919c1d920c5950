-- expect: dist-probability.lua:3: bernoulli: p is 1.5, must be between 0 and 1
borel.infer(borel.model(function()
  sample("z", dist.bernoulli(1.5))
end))
