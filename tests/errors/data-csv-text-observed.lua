-- expect: data-csv-text-observed.lua:5: observed 'y': element [1] is a string, not a number
local data = borel.read "data/good.csv"
borel.infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), d.name)
end), { data = data })
