-- GARCH(1, 1): the variance of each day follows from the day before. The bound of beta1 depends on alpha1.
local garch = borel.model(function(data)
  local y = data.y
  local mu = sample("mu", dist.flat())
  local alpha0 = sample("alpha0", dist.flat():positive())
  local alpha1 = sample("alpha1", dist.flat():interval(0, 1))
  local beta1 = sample("beta1", dist.flat():interval(0, 1 - alpha1))
  local variance = data.sigma1 ^ 2
  observe(dist.normal(mu, borel.sqrt(variance)), y[1])
  for t = 2, data.T do
    variance = alpha0 + alpha1 * (y[t - 1] - mu) ^ 2 + beta1 * variance
    observe(dist.normal(mu, borel.sqrt(variance)), y[t])
  end
end)

local fit = borel.infer(garch, { data = borel.read "data/garch.json" })
print(fit:summary())
