-- expect: data-empty.lua:4: normal:iid: the number of repetitions is 0, must be a whole number of at least 1
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(#data.y), data.y)
end), { data = { y = {} } })
