-- expect: dist-missing-parameter.lua:3: normal: sigma is missing: normal(mu, sigma)
borel.infer(borel.model(function()
  sample("mu", dist.normal(0))
end))
