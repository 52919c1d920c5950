-- expect: shape-iid-drawn.lua:4: normal:iid: the number of repetitions is symbolic i64 [], must be a whole number of at least 1
borel.infer(borel.model(function()
  local n = sample("n", dist.discrete_uniform(1, 4))
  sample("x", dist.normal(0, 1):iid(n))
end))
