-- expect: model-recursion.lua:2: stack overflow
local function forever(x) return forever(x + 1) + 1 end
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  factor("f", forever(x))
end))
