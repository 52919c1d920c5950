-- expect: f (model-rawequal.lua:4): the traced model gives log-density 0, the plain run 5 (does the model branch on a drawn value, as in `if x > 0` or `x ==
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.02))
  factor("f", rawequal(z, 1) and 5 or 0)
end))
