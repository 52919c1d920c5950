-- expect: model-kept-node.lua:5: a symbolic value is used after its model was traced
local kept
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  if kept then factor("f", kept) end
  kept = x
end))
