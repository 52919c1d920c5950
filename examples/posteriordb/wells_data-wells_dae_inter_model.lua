-- Who changes to another well in Bangladesh? Logistic regression on distance, arsenic and education with their
-- interactions (Gelman and Hill 2007, section 5.6). Plain Lua prepares the predictors.
local wells = borel.model(function(data)
  local c1 = (data.dist - borel.mean(data.dist)) / 100
  local c2 = data.arsenic - borel.mean(data.arsenic)
  local c3 = (data.educ - borel.mean(data.educ)) / 4
  local x = { c1, c2, c3, c1 * c2, c1 * c3, c2 * c3 }

  local alpha = sample("alpha", dist.flat())
  local beta = sample("beta", dist.flat():iid(#x))
  local eta = alpha
  for k = 1, #x do eta = eta + beta[k] * x[k] end
  observe("switched", dist.bernoulli_logit(eta), data.switched)
end)

local fit = borel.infer(wells, { data = borel.read "data/wells_data.json" })
print(fit:summary())
