-- expect: shape-assign.lua:4: arrays cannot be changed: build a new one, with borel.where or borel.stack
borel.infer(borel.model(function()
  local b = sample("b", dist.normal(0, 5):iid(3))
  b[1] = 0
end))
