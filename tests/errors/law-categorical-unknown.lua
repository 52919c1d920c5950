-- expect: law-categorical-unknown.lua:4: categorical: p must be probabilities that sum to 1, the sum is off by
borel.infer(borel.model(function()
  local p = sample("p", dist.uniform(0, 1):iid(3))
  observe("y", dist.categorical(p), 2)
end), {})
