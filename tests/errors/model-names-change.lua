-- expect: the traced model and the plain run differ: term 1 is x[1] (model-names-change.lua:5) when traced, x[2] (model-names-change.lua:5) when run (does the
local calls = 0
borel.infer(borel.model(function()
  calls = calls + 1
  sample({ "x", calls }, dist.normal(0, 1))
end))
