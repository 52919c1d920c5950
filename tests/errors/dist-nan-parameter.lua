-- expect: dist-nan-parameter.lua:3: normal: mu is NaN
borel.infer(borel.model(function()
  sample("mu", dist.normal(0 / 0, 1))
end))
