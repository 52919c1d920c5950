-- expect: data-ragged-list.lua:4: observed 'y': ragged: element [2] is a number, where others are tables
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), data.y)
end), { data = { y = { { 1, 2 }, 3 } } })
