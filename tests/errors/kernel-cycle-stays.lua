-- expect: kernel-cycle-stays.lua:2: borel.infer: cycle(on theta: nuts, on u: slice) would leave the unknown 'k' where it starts: no kernel in it moves it; add borel.on("k", ...) with one that does
borel.infer(borel.model(function()
  local k = sample("k", dist.binomial(4, 0.5))
  local theta = sample("theta", dist.normal(k, 1):iid(2))
  observe("y", dist.normal(theta, 1), { 1, 2 })
end), { kernel = borel.cycle { borel.on("theta", borel.nuts {}), borel.on("u", borel.slice {}) } })
