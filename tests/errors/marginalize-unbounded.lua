-- expect: marginalize-unbounded.lua:3: site 'k' cannot be summed out: poisson has no largest value
borel.infer(borel.model(function()
  local k = sample("k", dist.poisson(3), { marginalize = true })
  observe("y", dist.normal(k, 1), 1)
end))
