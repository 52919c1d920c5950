-- expect: f (scan-branch.lua:5): the traced model gives log-density
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  local last = borel.scan(function(c, t) if t == 3 then return c else return c + 1 end end, x, 10)
  factor("f", last)
end))
