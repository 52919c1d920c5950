-- Gaussian process regression on eleven points: squared exponential covariance, unknown length, height and noise.
-- The noise enters the diagonal as sigma, not as its square.
local gp = borel.model(function(data)
  local rho = sample("rho", dist.gamma(25, 4))
  local alpha = sample("alpha", dist.half_normal(2))
  local sigma = sample("sigma", dist.half_normal(1))
  local x = data.x
  local distance = x:reshape { data.N, 1 } - x
  local K = alpha ^ 2 * borel.exp(-0.5 * (distance / rho) ^ 2) + borel.diag(sigma * borel.ones(data.N))
  observe("y", dist.multi_normal(borel.zeros(data.N), K), data.y)
end)

local fit = borel.infer(gp, { data = borel.read "data/gp_pois_regr.json" })
print(fit:summary())
