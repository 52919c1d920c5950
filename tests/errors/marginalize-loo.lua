-- expect: marginalize-loo.lua:9: fit:log_likelihood: site 'z[1]' is summed out and ties observations to each other
local m = borel.model(function(data)
  local mu, z = sample("mu", dist.normal(0, 1)), 0
  for t = 1, #data do
    z = sample({ "z", t }, dist.bernoulli(0.5 + 0.2 * z), { marginalize = true })
    observe({ "y", t }, dist.normal(mu + z, 1), data[t])
  end
end)
borel.infer(m, { data = { 0.1, 0.2, 1.3 }, draws = 50, warmup = 50, out = "run" }):loo()
