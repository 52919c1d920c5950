-- Eight schools (Rubin 1981), centred: the natural way to write it, and a funnel that NUTS cannot enter near
-- tau = 0. Borel reports the run as unreliable; eight_schools-eight_schools_noncentered.lua is the way out.
local eight_schools = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  local tau = sample("tau", dist.half_cauchy(5))
  local theta = sample("theta", dist.normal(mu, tau):iid(data.J))
  observe("y", dist.normal(theta, data.sigma), data.y)
end)

local fit = borel.infer(eight_schools, { data = borel.read "data/eight_schools.json" })
print(fit:summary())
