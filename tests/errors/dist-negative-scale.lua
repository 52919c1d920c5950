-- expect: dist-negative-scale.lua:3: normal: sigma is -1, must be positive and finite
borel.infer(borel.model(function()
  sample("mu", dist.normal(0, -1))
end))
