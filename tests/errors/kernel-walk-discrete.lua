-- expect: random-walk: move = u leaves what is discrete where it starts: use move = all
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5):iid(3))
  local k = sample("k", dist.binomial(4, 0.5))
  local x = sample("x", dist.normal(z:sum() + k, 1))
  observe("y", dist.normal(x, 1), 1)
end), { kernel = borel.random_walk { step = 0.5 } })
