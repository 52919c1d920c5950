-- expect: data-infinite.lua:4: observed 'y': value 2 of 2 is infinite
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(2), { 1, 1 / 0 })
end))
