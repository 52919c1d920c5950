-- expect: shape-index-zero.lua:4: index 0 is out of range: axis 1 has 7 elements
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu[0], 1), 1)
end))
