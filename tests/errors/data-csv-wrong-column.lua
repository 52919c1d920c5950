-- expect: data-csv-wrong-column.lua:5: observe 'y': the observed value is nil (is the name in the data?)
local data = borel.read "data/good.csv"
borel.infer(borel.model(function(d)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), d.heigth)
end), { data = data })
