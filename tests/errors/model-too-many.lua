-- expect: model-too-many.lua:3: normal:iid: 1e+12 repetitions are more than 1e+07
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1):iid(1e12))
end))
