-- expect: shape-broadcast.lua:4: add: shapes [7] and [8] do not fit together
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu + data.y, 1), data.y)
end), { data = borel.read "data/schools.json" })
