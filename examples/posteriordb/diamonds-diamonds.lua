-- Prices of 5000 diamonds on 24 columns, many of them polynomials: centred, with weak priors, as brms writes it.
local diamonds = borel.model(function(data)
  local X = data.X[{ ":", { 2, data.K } }] -- without the constant
  local Xc = X - borel.mean(X, 1)
  local b = sample("b", dist.normal(0, 1):iid(data.K - 1))
  local Intercept = sample("Intercept", dist.student_t(3, 8, 10))
  local sigma = sample("sigma", dist.half_student_t(3, 10))
  observe("Y", dist.normal(Intercept + borel.matmul(Xc, b), sigma), data.Y)
end)

local fit = borel.infer(diamonds, { data = borel.read "data/diamonds.json" })
print(fit:summary())
