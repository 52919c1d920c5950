-- expect: model-factor-nothing.lua:4: factor: the log-weight is missing
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  factor("f")
end))
