-- expect: model-equality.lua:4: a drawn value is compared with == or ~=: while a model is traced this has one answer for all values; use borel.where and x:eq(y)
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.3))
  local m = z == 1 and 1 or -1
  observe("y", dist.normal(m, 1), 0.5)
end))
