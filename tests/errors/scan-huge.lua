-- expect: scan-huge.lua:4: an array of shape [1000000000000000] would take 7.45e+06 GiB; the most is 2 GiB
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  local _, out = borel.scan(function(c) return c + 1, c end, x, 1e15)
  factor("f", out)
end))
