-- expect: kernel-hmc-discrete.lua:2: borel.infer: hmc moves continuous unknowns only and would leave the discrete unknowns 'z', 'k' where they start: sum them out (sample with { marginalize = true }, dist.mixture, borel.log_sum_exp), or combine it with a kernel that moves them: borel.cycle{ borel.on("z", borel.gibbs{}), borel.on("u", borel.nuts{}) }
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5):iid(3))
  local k = sample("k", dist.binomial(4, 0.5))
  local x = sample("x", dist.normal(z:sum() + k, 1))
  observe("y", dist.normal(x, 1), 1)
end), { kernel = borel.hmc {} })
