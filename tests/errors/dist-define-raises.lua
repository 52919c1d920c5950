-- expect: dist-define-raises.lua:3: a number has no 'b'
dist.define { name = "mine", params = { "a" }, support = borel.support.real, logdensity = function(x, a)
  return x + a.b
end }
borel.infer(borel.model(function()
  sample("x", dist.mine(1))
end))
