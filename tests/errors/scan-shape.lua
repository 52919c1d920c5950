-- expect: scan-shape.lua:4: scan: carry 1 has shape [] but the step returns shape [2]
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  borel.scan(function(c, t) return borel.stack { c, t } end, x, 10)
end))
