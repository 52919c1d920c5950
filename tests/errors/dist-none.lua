-- expect: dist-none.lua:3: sample 'x': needs a distribution such as dist.normal(0, 1), got a number
borel.infer(borel.model(function()
  sample("x", 3)
end))
