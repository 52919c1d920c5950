-- expect: kernel-nuts-discrete.lua:2: borel.infer: nuts moves continuous unknowns, and all of this model's are discrete: sum them out (borel.log_sum_exp), or
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  observe("y", dist.normal(z, 1), 1)
end), { kernel = borel.nuts {} })
