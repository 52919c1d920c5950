-- expect: chain 1: infer-method-model.lua:4: factor: the log-weight is NaN
local m = borel.model(function()
  local n = sample("n", dist.poisson(1))
  factor(n / 0 * 0)
end)
borel.infer(m, { kernel = borel.smc { particles = 10 }, chains = 1 })
