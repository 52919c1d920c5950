-- expect: infer-method-init.lua:5: borel.infer: option 'init' is for kernels of compiled models; trace_mh runs the model as it is
local m = borel.model(function()
  sample("theta", dist.normal(0, 1))
end)
borel.infer(m, { kernel = borel.trace_mh {}, init = "pathfinder" })
