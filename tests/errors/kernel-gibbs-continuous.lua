-- expect: kernel-gibbs-continuous.lua:2: borel.infer: gibbs moves discrete unknowns only and would leave the continuous unknown 'theta' where they start: combine it with a kernel that moves them: borel.cycle{ borel.on("z", borel.gibbs{}), borel.on("u", borel.nuts{}) }
borel.infer(borel.model(function()
  local k = sample("k", dist.binomial(4, 0.5))
  local theta = sample("theta", dist.normal(k, 1):iid(2))
  observe("y", dist.normal(theta, 1), { 1, 2 })
end), { kernel = borel.gibbs {} })
