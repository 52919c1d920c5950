-- A hidden Markov model of two states with normal emissions: the states are summed out by the forward recursion. The
-- first state has no distribution of its own.
local hmm = borel.model(function(data)
  local theta = { sample("theta1", dist.flat():simplex(2)), sample("theta2", dist.flat():simplex(2)) }
  local mu = sample("mu", dist.flat():positive_ordered(2))
  factor("mu_prior", dist.normal({ 3, 10 }, 1):logdensity(mu))
  local emission = dist.normal(mu, 1):logdensity(data.y:reshape { data.N, 1 })
  local transition = borel.log(borel.stack(theta):reshape { 2, 2 })
  local last = borel.scan(function(forward, seen)
    return borel.log_sum_exp(forward[1] + transition[1], forward[2] + transition[2]) + seen
  end, emission[1], emission:slice(2, data.N))
  factor("y", borel.log_sum_exp(last))
end)

local fit = borel.infer(hmm, { data = borel.read "data/hmm_example.json" })
print(fit:summary())
