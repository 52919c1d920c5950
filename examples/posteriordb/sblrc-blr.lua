-- Linear regression with correlated predictors, as a product of a matrix and a vector.
local blr = borel.model(function(data)
  local beta = sample("beta", dist.normal(0, 10):iid(data.D))
  local sigma = sample("sigma", dist.half_normal(10))
  observe("y", dist.normal(borel.matmul(data.X, beta), sigma), data.y)
end)

local fit = borel.infer(blr, { data = borel.read "data/sblrc.json" })
print(fit:summary())
