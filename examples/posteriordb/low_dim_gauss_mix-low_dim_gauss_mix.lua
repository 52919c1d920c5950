-- A mixture of two normals. The label of each observation is summed out with log_sum_exp; the means are ordered,
-- so that the components keep their names.
local mixture = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 2):iid(2):ordered())
  local sigma = sample("sigma", dist.half_normal(2):iid(2))
  local theta = sample("theta", dist.beta(5, 5))
  local first = borel.log(theta) + dist.normal(mu[1], sigma[1]):logdensity(data.y)
  local second = borel.log1p(-theta) + dist.normal(mu[2], sigma[2]):logdensity(data.y)
  factor("y", borel.log_sum_exp(first, second))
end)

local fit = borel.infer(mixture, { data = borel.read "data/low_dim_gauss_mix.json" })
print(fit:summary())
