-- expect: factor-option.lua:4: factor 'f': unknown option 'likelyhood'; did you mean 'likelihood'?
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  factor("f", -x * x, { likelyhood = true })
end))
