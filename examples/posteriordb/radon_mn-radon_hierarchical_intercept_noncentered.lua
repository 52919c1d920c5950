-- Radon in 919 houses of Minnesota (Gelman and Hill 2007, chapter 12): intercepts of 85 counties, non-centred, the
-- county's uranium and the floor of the measurement as predictors.
local radon = borel.model(function(data)
  local sigma_alpha = sample("sigma_alpha", dist.half_normal(1))
  local sigma_y = sample("sigma_y", dist.half_normal(1))
  local mu_alpha = sample("mu_alpha", dist.normal(0, 10))
  local beta = sample("beta", dist.normal(0, 10):iid(2))
  local z = sample("z", dist.normal(0, 1):iid(data.J))
  local alpha = deterministic("alpha", mu_alpha + sigma_alpha * z)
  local mean = alpha[data.county_idx] + beta[1] * data.log_uppm + beta[2] * data.floor_measure
  observe("log_radon", dist.normal(mean, sigma_y), data.log_radon)
end)

local fit = borel.infer(radon, { data = borel.read "data/radon_mn.json" })
print(fit:summary())
