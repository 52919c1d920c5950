-- expect: scan-sample-inside.lua:4: a symbolic value of one model, or of the body of a
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  borel.scan(function(c) return sample("e", dist.normal(c, 1)) end, x, 10)
end))
