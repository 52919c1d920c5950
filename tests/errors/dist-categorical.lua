-- expect: dist-categorical.lua:3: categorical: p must be probabilities that sum to 1, the sum is off by 1
borel.infer(borel.model(function()
  sample("z", dist.categorical { 0.5, -0.5 })
end))
