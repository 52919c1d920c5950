-- expect: condition-name.lua:5: borel.condition: the model has no unknown 'thta'; did you mean 'theta'?
local m = borel.model(function()
  sample("theta", dist.normal(0, 1))
end)
borel.infer(borel.condition(m, { thta = 1 }))
