-- expect: shape-index.lua:4: index 8 is out of range: axis 1 has 7 elements
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu[8], 1), 1)
end))
