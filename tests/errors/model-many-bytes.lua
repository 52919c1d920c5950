-- expect: model-many-bytes.lua:3: an array of shape [1000000, 1000000] would take 7.45e+03 GiB; the most is 2 GiB
borel.infer(borel.model(function()
  local x = borel.zeros { 1000000, 1000000 }
  sample("x", dist.normal(x, 1))
end))
