-- Log earnings against height and sex, with their interaction (Gelman and Hill 2007, section 4.2). Raw predictors.
local earnings = borel.model(function(data)
  local beta = sample("beta", dist.flat():iid(4))
  local sigma = sample("sigma", dist.flat():positive())
  local height, male = data.height, data.male
  local mean = beta[1] + beta[2] * height + beta[3] * male + beta[4] * height * male
  observe("log_earn", dist.normal(mean, sigma), borel.log(data.earn))
end)

local fit = borel.infer(earnings, { data = borel.read "data/earnings.json" })
print(fit:summary())
