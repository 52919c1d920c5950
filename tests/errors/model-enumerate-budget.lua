-- expect: model-enumerate-budget.lua:2: enumeration: more than the budget of 1000 paths
borel.enumerate(borel.model(function()
  return borel.sum(sample("x", dist.bernoulli(0.5):iid(60)))
end), nil, { budget = 1000 })
