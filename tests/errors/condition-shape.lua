-- expect: condition-shape.lua:3: borel.condition of 'theta' (condition-shape.lua:5): the value has shape [2], but normal has shape []
local m = borel.model(function()
  sample("theta", dist.normal(0, 1))
end)
borel.infer(borel.condition(m, { theta = { 1, 2 } }))
