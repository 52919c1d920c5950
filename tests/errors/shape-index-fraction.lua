-- expect: shape-index-fraction.lua:4: an index must be a whole number, got 1.5
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu[1.5], 1), 1)
end))
