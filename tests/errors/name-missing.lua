-- expect: name-missing.lua:3: sample: the first argument is the name of the site, a text or {text, index}
borel.infer(borel.model(function()
  sample(dist.normal(0, 1))
end))
