-- expect: model-many-bytes.lua:3: out of memory for an array
borel.infer(borel.model(function()
  local x = borel.zeros { 1000000, 1000000 }
  sample("x", dist.normal(x, 1))
end))
