-- expect: model-enumerate-continuous.lua:2: enumeration: normal has continuous support and cannot be enumerated; use a finite stand-in law in its place
borel.enumerate(borel.model(function()
  return sample("x", dist.normal(0, 1))
end))
