-- expect: dist-negative-scale-data.lua:4: normal: sigma is -2 at place 2, must be positive and finite
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  observe("y", dist.normal(mu, borel.array { 1, -2 }), { 0, 1 })
end))
