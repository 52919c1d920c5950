-- expect: name-distribution.lua:3: unknown distribution 'nornal'; did you mean 'normal'?
borel.infer(borel.model(function()
  sample("mu", dist.nornal(0, 1))
end))
