-- expect: dist-text-parameter.lua:3: normal: mu must be a number, an array or a value of the model, got a string
borel.infer(borel.model(function()
  sample("mu", dist.normal("0", 1))
end))
