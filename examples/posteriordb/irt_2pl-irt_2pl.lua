-- Item response with two parameters an item: discrimination a and difficulty b of 20 items, ability theta of 100
-- persons.
local irt = borel.model(function(data)
  local sigma_theta = sample("sigma_theta", dist.half_cauchy(2))
  local theta = sample("theta", dist.normal(0, sigma_theta):iid(data.J))
  local sigma_a = sample("sigma_a", dist.half_cauchy(2))
  local a = sample("a", dist.lognormal(0, sigma_a):iid(data.I))
  local mu_b = sample("mu_b", dist.normal(0, 5))
  local sigma_b = sample("sigma_b", dist.half_cauchy(2))
  local b = sample("b", dist.normal(mu_b, sigma_b):iid(data.I))
  a, b = a:reshape { data.I, 1 }, b:reshape { data.I, 1 }
  observe("y", dist.bernoulli_logit(a * (theta - b)), data.y)
end)

-- Where sigma_a is small, all discriminations are nearly equal: a neck in which steps of the usual size stick.
local fit = borel.infer(irt, { data = borel.read "data/irt_2pl.json", kernel = borel.nuts { target_accept = 0.95 } })
print(fit:summary())
