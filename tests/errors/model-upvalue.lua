-- expect: f (model-upvalue.lua:6): the traced model gives log-density
local calls = 0
borel.infer(borel.model(function()
  calls = calls + 1
  local x = sample("x", dist.normal(0, 1))
  factor("f", calls * x)
end))
