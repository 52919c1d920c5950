-- expect: model-concatenation.lua:4: a value drawn in a model cannot be joined with ..: it has no text while the model is traced
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  error("x is " .. x)
end))
