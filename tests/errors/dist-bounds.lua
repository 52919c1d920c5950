-- expect: dist-bounds.lua:3: uniform: low is 2, must be less than high, which is 1
borel.infer(borel.model(function()
  sample("mu", dist.uniform(2, 1))
end))
