-- expect: shape-index-drawn.lua:5: an index must be a whole number, this value is real
borel.infer(borel.model(function()
  local z = sample("z", dist.normal(0, 1))
  local mu = sample("mu", dist.normal(0, 5):iid(3))
  observe("y", dist.normal(mu[z], 1), 1)
end))
