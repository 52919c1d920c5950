-- expect: kernel-nuts-discrete.lua:2: borel.infer: nuts moves continuous unknowns only and would leave the discrete unknown 'z' where they start: sum
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  observe("y", dist.normal(z, 1), 1)
end), { kernel = borel.nuts {} })
