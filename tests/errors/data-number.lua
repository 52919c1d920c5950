-- expect: data-number.lua:4: a number has no 'y'
borel.infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1), d.y)
end), { data = 3 })
