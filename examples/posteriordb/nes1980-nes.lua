-- Party identification in the American election study of 1980 (Gelman and Hill 2007, section 4.7): a regression with
-- indicators of age groups.
local nes = borel.model(function(data)
  local beta = sample("beta", dist.flat():iid(9))
  local sigma = sample("sigma", dist.flat():positive())
  local function age(group) return borel.where(data.age_discrete:eq(group), 1, 0) end
  local x = { data.real_ideo, data.race_adj, age(2), age(3), age(4), data.educ1, data.gender, data.income }
  local mean = beta[1]
  for k = 1, #x do mean = mean + beta[k + 1] * x[k] end
  observe("partyid7", dist.normal(mean, sigma), data.partyid7)
end)

local fit = borel.infer(nes, { data = borel.read "data/nes1980.json" })
print(fit:summary())
