-- expect: model-hidden-branch.lua:2: a drawn value is compared with == or ~=: while a model is traced this has one answer for all values; use borel.where and
local function sign(v) return v == 1 and 1 or -1 end
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  observe("y", dist.normal(sign(z), 1), 0.5)
end))
