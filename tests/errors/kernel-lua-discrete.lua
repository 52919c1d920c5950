-- expect: kernel-lua-discrete.lua:7: borel.infer: stay moves continuous unknowns only and would leave the discrete unknowns 'z', 'k' where
local stay = borel.component {
  kind = "kernel", name = "stay",
  claims = { preserves = "measure", leaves_z = true },
  step = function() end,
}
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5):iid(3))
  local k = sample("k", dist.binomial(4, 0.5))
  local x = sample("x", dist.normal(z:sum() + k, 1))
  observe("y", dist.normal(x, 1), 1)
end), { kernel = stay })
