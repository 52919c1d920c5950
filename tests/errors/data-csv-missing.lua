-- expect: data-csv-missing.lua:5: observed 'y': value 2 of 3 is NaN or missing (null)
local data = borel.read "data/missing.csv"
borel.infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), d.y)
end), { data = data })
