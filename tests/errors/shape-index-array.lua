-- expect: shape-index-array.lua:4: index 4 (at place 2) is out of range: axis 1 has 3 elements
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5):iid(3))
  observe("y", dist.normal(mu[borel.array { 1, 4 }], 1), { 1, 2 })
end))
