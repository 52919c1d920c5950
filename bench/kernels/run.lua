-- SPDX-License-Identifier: MIT
-- run.lua EXAMPLE KERNEL [NAME=VALUE ...]: runs an example with that kernel; prints divergences, whether the run is
-- reliable, the least bulk effective sample size, that for 1000 evaluations, and evaluations for a draw.
local example, kernel = arg[1], arg[2]
local parameters = {}
for i = 3, #arg do
  local name, value = arg[i]:match "^(.-)=(.*)$"
  parameters[name] = tonumber(value) or value
end
local infer, fit = borel.infer, nil
rawset(borel, "infer", function(model, options)
  options.kernel = borel.kernel(kernel, parameters)
  fit = infer(model, options)
  return fit
end)
local say = print
rawset(_G, "print", function() end)
dofile(example)
local least = math.huge
for _, row in ipairs(fit:rows()) do least = math.min(least, row.ess_bulk) end
local counted, gradients = pcall(fit.info, fit, "leapfrogs")
local evaluations = borel.sum(counted and gradients or fit:info "evaluations")
say(("%4d %d %8.0f %8.1f %6.1f"):format(fit.divergences, fit.reliable and 1 or 0, least, 1000 * least / evaluations, evaluations / 4000))
