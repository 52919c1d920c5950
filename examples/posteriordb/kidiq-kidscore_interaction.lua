-- Test scores of children against the mother's schooling and IQ, with their interaction (Gelman and Hill 2007,
-- section 3.3). The predictors are raw, so that the coefficients are almost collinear.
local kidiq = borel.model(function(data)
  local beta = sample("beta", dist.flat():iid(4))
  local sigma = sample("sigma", dist.half_cauchy(2.5))
  local hs, iq = data.mom_hs, data.mom_iq
  observe("kid_score", dist.normal(beta[1] + beta[2] * hs + beta[3] * iq + beta[4] * hs * iq, sigma), data.kid_score)
end)

local fit = borel.infer(kidiq, { data = borel.read "data/kidiq.json" })
print(fit:summary())
