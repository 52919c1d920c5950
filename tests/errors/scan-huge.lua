-- expect: scan-huge.lua:4: out of memory for an array
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  local _, out = borel.scan(function(c) return c + 1, c end, x, 1e15)
  factor("f", out)
end))
