-- expect: dist-outside-positive.lua:4: observed 'y': value 2 of 3 is -1, outside the support of exponential
borel.infer(borel.model(function()
  local r = sample("r", dist.exponential(1))
  observe("y", dist.exponential(r):iid(3), { 1, -1, 2 })
end))
