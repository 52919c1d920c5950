-- SPDX-License-Identifier: MIT
-- The three forms of one program, a hidden Markov chain of 200 steps with 500 particles that are resampled below half of them:
-- steps of a particle that each takes (a call on arrays counts for all), calls of the transition, seconds of the processor;
-- the log-evidence is equal in every bit. `checkpoint`: the single form whose copies go on from borel.checkpoint.
--   ./dev bench forms
local rep = borel.rep
local STEPS, PARTICLES = 200, 500
-- Observations drawn from the chain itself: states stay with 0.7 and 0.8, 1 is seen with 0.1 and 0.7.
local y, source = {}, require("borel.core").philox(1)
local state = source:bernoulli(0.5)
for t = 1, STEPS do
  if t > 1 then state = source:bernoulli(state == 1 and 0.8 or 0.3) end
  y[t] = source:bernoulli(state == 1 and 0.7 or 0.1)
end

local calls = 0
local function transition(t, x)
  calls = calls + 1
  return dist.bernoulli(t == 1 and 0.5 or borel.where(borel.eq(x, 1), 0.8, 0.3))
end
local function emission(x) return dist.bernoulli(borel.where(borel.eq(x, 1), 0.7, 0.1)) end

local plain = borel.model(function()
  local x
  for t = 1, STEPS do
    x = sample({ "x", t }, transition(t, x))
    observe({ "y", t }, emission(x), y[t])
  end
  return x
end)

local checkpointed = borel.model(function()
  local s = borel.checkpoint { t = 0, x = 0 }
  while s.t < STEPS do
    local t = s.t + 1
    local x = sample({ "x", t }, transition(t, s.x))
    observe({ "y", t }, emission(x), y[t])
    s = borel.checkpoint { t = t, x = x }
  end
  return s.x
end)

local space = borel.state_space { name = "x", keep = "last", steps = STEPS, init = function() return transition(1) end,
  transition = transition, observe = function(t, x) return emission(x), y[t] end }

local block = rep.smc(PARTICLES, STEPS, rep.resample("systematic", { ess = 0.5 }))
local function measure(name, form, width)
  calls = 0
  local start = os.clock()
  local evidence = rep.log_evidence((rep.run(block, form, 1)))
  local seconds, steps = os.clock() - start, calls * width
  print(("%-12s %8d steps of a particle, %7d calls, %6.2f s, log-evidence %.17g"):format(name, steps, calls, seconds, evidence))
  print(("FIGURE forms_steps_%s %d"):format(name, steps))
  return evidence, steps
end

local evidence, least = measure("state_space", space, PARTICLES)
for _, form in ipairs { { "batched", rep.batched(plain), PARTICLES }, { "checkpoint", checkpointed, 1 }, { "single", plain, 1 } } do
  local other, steps = measure(table.unpack(form))
  assert(other == evidence, form[1])
  print(("FIGURE forms_ratio_%s %.3f"):format(form[1], steps / least))
end
