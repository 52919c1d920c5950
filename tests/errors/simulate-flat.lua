-- expect: simulate-flat.lua:3: site 'x': flat cannot be drawn from: it is no probability distribution
borel.simulate(borel.model(function()
  sample("x", dist.flat())
end))
