-- expect: model-truth.lua:4: a drawn value is tested as a condition: while a model is traced this has one answer for all values; use borel.where and x:eq(y)
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  if x:gt(0) then factor(1) end
end))
