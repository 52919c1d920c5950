-- SPDX-License-Identifier: MIT
-- run.lua EXAMPLE THREADS: runs an example with its chains on that many threads; prints nanoseconds of processor
-- time and of wall time for each gradient, everything that a chain does included: draws, log, checkpoints.
local core = require "borel.core"
local example, threads = arg[1], tonumber(arg[2])
local infer, run = borel.infer, core.run
rawset(borel, "infer", function(model, options)
  options.threads, options.draws = threads, 5000
  return infer(model, options)
end)
core.run = function(task)
  local processor, wall = os.clock(), core.clock()
  local chains, failure, code = run(task)
  processor, wall = os.clock() - processor, core.clock() - wall
  local gradients = 0
  for _, chain in ipairs(chains) do gradients = gradients + chain.gradients end
  io.write(("FIGURE run_cpu_ns_per_gradient_%d_threads %.1f\n"):format(threads, 1e9 * processor / gradients))
  io.write(("FIGURE run_wall_ns_per_gradient_%d_threads %.1f\n"):format(threads, 1e9 * wall / gradients))
  return chains, failure, code
end
rawset(_G, "print", function() end)
dofile(example)
