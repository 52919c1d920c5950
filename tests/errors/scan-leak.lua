-- expect: scan-leak.lua:5: a symbolic value is used after its model was traced
borel.infer(borel.model(function()
  local x, inside = sample("x", dist.normal(0, 1))
  borel.scan(function(c) inside = c; return c + 1 end, x, 10)
  factor("f", inside)
end))
