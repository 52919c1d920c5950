-- expect: scan-nothing.lua:4: scan: the step returns nothing
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  borel.scan(function(c, t) c = c + t end, x, 10)
end))
