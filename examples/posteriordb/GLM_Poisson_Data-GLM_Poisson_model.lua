-- Counts of breeding peregrines in the French Jura over forty years (Kéry and Schaub 2012, section 3.3): a Poisson
-- regression on a cubic of the year.
local peregrines = borel.model(function(data)
  local alpha = sample("alpha", dist.uniform(-20, 20))
  local beta1 = sample("beta1", dist.uniform(-10, 10))
  local beta2 = sample("beta2", dist.uniform(-10, 10))
  local beta3 = sample("beta3", dist.uniform(-10, 10))
  local year = data.year
  observe("C", dist.poisson_log(alpha + year * (beta1 + year * (beta2 + year * beta3))), data.C)
end)

local fit = borel.infer(peregrines, { data = borel.read "data/GLM_Poisson_Data.json" })
print(fit:summary())
