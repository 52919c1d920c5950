-- expect: law-weights-unknown.lua:4: mixture: weights must be probabilities that sum to 1, the sum is off by
borel.infer(borel.model(function()
  local w = sample("w", dist.uniform(0, 1):iid(2))
  observe("y", dist.mixture(w, { dist.normal(0, 1), dist.normal(1, 1) }), 2)
end), {})
