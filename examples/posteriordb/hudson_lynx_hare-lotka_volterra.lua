-- Lynx and hare, 1900 to 1920 (Hudson's Bay Company): a differential equation whose parameters and initial state
-- are unknown, seen with multiplicative errors. The states enter by their logarithms, so that their relative error counts:
-- hence the small abs_tol. With 1e-6, where a population is that small its logarithm is noise or NaN, and a chain that
-- starts there may stay.
local function lotka_volterra(_, z, theta)
  local prey, predators = z[1], z[2]
  return { (theta[1] - theta[2] * predators) * prey, (theta[4] * prey - theta[3]) * predators }
end

local lynx_hare = borel.model(function(data)
  local theta = sample("theta", dist.truncated(dist.normal({ 1, 0.05, 1, 0.05 }, { 0.5, 0.05, 0.5, 0.05 }), 0))
  local sigma = sample("sigma", dist.lognormal(-1, 1):iid(2))
  local z_init = sample("z_init", dist.lognormal(math.log(10), 1):iid(2))
  local z = borel.ode(lotka_volterra, z_init, 0, data.ts, { theta }, { abs_tol = 1e-12 })
  observe("y_init", dist.lognormal(borel.log(z_init), sigma), data.y_init)
  observe("y", dist.lognormal(borel.log(z), sigma), data.y)
end)

local fit = borel.infer(lynx_hare, { data = borel.read "data/hudson_lynx_hare.json", init = "pathfinder" })
print(fit:summary())
