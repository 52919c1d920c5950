-- expect: law-covariance-unknown.lua:4: multi_normal: sigma is not symmetric: elements that must be equal differ by
borel.infer(borel.model(function()
  local a = sample("a", dist.uniform(0, 1))
  observe("y", dist.multi_normal({ 0, 0 }, borel.stack { 1, a, 0, 1 }:reshape { 2, 2 }), { 1, 2 })
end), {})
