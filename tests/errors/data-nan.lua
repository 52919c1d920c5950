-- expect: data-nan.lua:4: observed 'y': value 2 of 2 is NaN or missing (null); borel.missing handles unknown values of the data
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(2), { 1, 0 / 0 })
end))
