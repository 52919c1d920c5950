-- expect: name-long.lua:3: sample: the name of a site has more than 200 bytes
borel.infer(borel.model(function()
  sample(("x"):rep(5000), dist.normal(0, 1))
end))
