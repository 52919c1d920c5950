-- Autoregression of order K, written as it is thought of: a loop over time. Borel turns the terms of the loop
-- back into arrays.
local ark = borel.model(function(data)
  local K, T, y = data.K, data.T, data.y
  local alpha = sample("alpha", dist.normal(0, 10))
  local beta = sample("beta", dist.normal(0, 10):iid(K))
  local sigma = sample("sigma", dist.half_cauchy(2.5))
  for t = K + 1, T do
    local mean = alpha
    for k = 1, K do mean = mean + beta[k] * y[t - k] end
    observe(dist.normal(mean, sigma), y[t])
  end
end)

local fit = borel.infer(ark, { data = borel.read "data/arK.json" })
print(fit:summary())
