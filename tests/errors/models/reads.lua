borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 1))
  observe("y", dist.normal(mu, 1), data.y)
end), { data = borel.read "y.json" })
