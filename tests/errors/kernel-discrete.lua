-- expect: kernel-discrete.lua:2: borel.infer: the model has discrete and continuous unknowns; no kernel that Borel would choose moves both. Sum the discrete ones out (borel.log_sum_exp), or state a kernel that moves both: borel.random_walk{ move = "all" }
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  local x = sample("x", dist.normal(z, 1))
  observe("y", dist.normal(x, 1), 1)
end))
