-- expect: shape-loop-drawn.lua:4: bad 'for' limit (number expected, got value drawn in the model: write borel.exp(x) and the like)
borel.infer(borel.model(function()
  local n = sample("n", dist.discrete_uniform(1, 4))
  for i = 1, n do factor({ "f", i }, 1) end
end))
