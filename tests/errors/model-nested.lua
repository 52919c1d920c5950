-- expect: model-nested.lua:4: borel.infer called inside a model: call it with the model, outside
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1))
  borel.infer(borel.model(function() sample("y", dist.normal(0, 1)) end))
end))
