-- A hidden Markov model of two series at once: the speed and the distance to the hoop of a basketball player whose
-- drive the states mark. The states are summed out by the forward recursion.
local drive = borel.model(function(data)
  local theta = { sample("theta1", dist.dirichlet(data.alpha[1])), sample("theta2", dist.dirichlet(data.alpha[2])) }
  local phi = sample("phi", dist.flat():positive_ordered(2))
  local lambda = sample("lambda", dist.flat():positive_ordered(2))
  factor("phi_prior", dist.normal({ 0, 3 }, 1):logdensity(phi))
  factor("lambda_prior", dist.normal({ 0, 3 }, 1):logdensity(lambda))
  local column = { data.N, 1 }
  local emission = dist.exponential(phi):logdensity(data.u:reshape(column))
    + dist.exponential(lambda):logdensity(data.v:reshape(column))
  local transition = borel.log(borel.stack(theta):reshape { 2, 2 })
  local last = borel.scan(function(forward, seen)
    return borel.log_sum_exp(forward[1] + transition[1], forward[2] + transition[2]) + seen
  end, emission[1], emission:slice(2, data.N))
  factor("uv", borel.log_sum_exp(last))
end)

-- A mode of mass exp(-60), in which one state has a handful of events, holds one chain in sixteen that starts anywhere.
local fit = borel.infer(drive, { data = borel.read "data/bball_drive_event_0.json", init = "pathfinder" })
print(fit:summary())
