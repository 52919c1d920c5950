-- expect: shape-matmul.lua:5: matmul: shapes [4, 2] and [3] do not fit
borel.infer(borel.model(function()
  local b = sample("b", dist.normal(0, 5):iid(3))
  local x = borel.ones { 4, 2 }
  observe("y", dist.normal(borel.matmul(x, b), 1), { 1, 2, 3, 4 })
end))
