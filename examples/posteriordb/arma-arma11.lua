-- ARMA(1, 1): predictions and errors follow from each other, a loop that depends on its own past.
local arma = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 10))
  local phi = sample("phi", dist.normal(0, 2))
  local theta = sample("theta", dist.normal(0, 2))
  local sigma = sample("sigma", dist.half_cauchy(2.5))
  local y = data.y
  local err = y[1] - (mu + phi * mu)
  observe(dist.normal(0, sigma), err)
  for t = 2, data.T do
    err = y[t] - (mu + phi * y[t - 1] + theta * err)
    observe(dist.normal(0, sigma), err)
  end
end)

local fit = borel.infer(arma, { data = borel.read "data/arma.json" })
print(fit:summary())
