-- Summer temperatures at Kilpisjärvi against the year, which is not centred: intercept and slope have a correlation
-- of -0.9999.
local kilpisjarvi = borel.model(function(data)
  local alpha = sample("alpha", dist.normal(data.pmualpha, data.psalpha))
  local beta = sample("beta", dist.normal(data.pmubeta, data.psbeta))
  local sigma = sample("sigma", dist.flat():positive())
  observe("y", dist.normal(alpha + beta * data.x, sigma), data.y)
end)

local fit = borel.infer(kilpisjarvi, { data = borel.read "data/kilpisjarvi_mod.json" })
print(fit:summary())
