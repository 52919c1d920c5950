-- Eight schools (Rubin 1981), non-centred: theta = mu + tau * z keeps the prior of z free of tau.
local eight_schools = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  local tau = sample("tau", dist.half_cauchy(5))
  local z = sample("z", dist.normal(0, 1):iid(data.J))
  local theta = deterministic("theta", mu + tau * z)
  observe("y", dist.normal(theta, data.sigma), data.y)
end)

local fit = borel.infer(eight_schools, { data = borel.read "data/eight_schools.json" })
print(fit:summary())
