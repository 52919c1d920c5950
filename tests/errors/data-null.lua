-- expect: data-null.lua:4: observed 'y': value 2 of 3 is NaN or missing (null); borel.missing handles unknown values of the data
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), data.y)
end), { data = borel.read "data/null.json" })
