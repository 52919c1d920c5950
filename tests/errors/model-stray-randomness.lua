-- expect: y (model-stray-randomness.lua:4): the traced model gives log-density
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  observe("y", dist.normal(x, 1), math.random())
end))
