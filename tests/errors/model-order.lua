-- expect: model-order.lua:4: a value drawn in a model cannot be compared with < in Lua: use x:gt(y) and borel.where
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  if x > 0 then factor(1) end
end))
