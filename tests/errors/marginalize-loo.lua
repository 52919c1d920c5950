-- expect: marginalize-loo.lua:4: fit:log_likelihood: site 'z' is summed out and has no draws
local m = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 1))
  local z = sample("z", dist.bernoulli(0.5):iid(3), { marginalize = true })
  observe("y", dist.normal(mu + z, 1), data)
end)
borel.infer(m, { data = { 0.1, 0.2, 1.3 }, draws = 50, warmup = 50, out = "run" }):loo()
