-- expect: dist-forgotten-call.lua:3: sample 'x': needs a distribution such as dist.normal(0, 1), got a function
borel.infer(borel.model(function()
  sample("x", dist.normal)
end))
