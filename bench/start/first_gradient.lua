-- SPDX-License-Identifier: MIT
-- Reads data, traces, checks and compiles a model, and evaluates one gradient.
local eight_schools = borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  local tau = sample("tau", dist.half_cauchy(5))
  local z = sample("z", dist.normal(0, 1):iid(data.J))
  local theta = deterministic("theta", mu + tau * z)
  observe("y", dist.normal(theta, data.sigma), data.y)
end)

local data = borel.read "../../examples/eight_schools.json"
local traced = eight_schools:trace(data)
eight_schools:check_trace(traced, data)
local u = {}
for i = 1, 10 do u[i] = 0.1 * i end
local value, gradient = traced.target:evaluate(u, {})
assert(value == value and #gradient == 10)
