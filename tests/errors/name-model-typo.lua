-- expect: name-model-typo.lua:4: add: argument 2 is a nil; a number, an array or a value of the model is needed
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  observe("y", dist.normal(mu + sgima, 1), 1)
end))
