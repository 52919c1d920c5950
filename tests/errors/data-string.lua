-- expect: data-string.lua:2: cannot open 'data/nowhere.csv': No such file or directory
borel.infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1), d.y)
end), { data = "data/nowhere.csv" })
