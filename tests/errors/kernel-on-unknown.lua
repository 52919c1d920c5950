-- expect: kernel-on-unknown.lua:2: on: there is no unknown 'teta'; did you mean 'theta'?
borel.infer(borel.model(function()
  local k = sample("k", dist.binomial(4, 0.5))
  local theta = sample("theta", dist.normal(k, 1):iid(2))
  observe("y", dist.normal(theta, 1), { 1, 2 })
end), { kernel = borel.cycle { borel.on("z", borel.gibbs {}), borel.on("teta", borel.nuts {}) } })
