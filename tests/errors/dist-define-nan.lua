-- expect: dist-define-nan.lua:4: mine: its logdensity returned a nil, must be a number, an array or a value of the model
dist.define { name = "mine", params = { "a" }, support = borel.support.real, logdensity = function() return nil end }
borel.infer(borel.model(function()
  sample("x", dist.mine(1))
end))
