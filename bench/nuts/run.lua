-- SPDX-License-Identifier: MIT
-- run.lua EXAMPLE METRIC TARGET: runs an example with that kernel; prints divergences, whether the run is
-- reliable, and the least bulk effective sample size for 1000 gradients.
local example, metric, target = table.unpack(arg)
local infer, fit = borel.infer, nil
rawset(borel, "infer", function(model, options)
  options.kernel = borel.nuts { metric = metric, target_accept = tonumber(target) }
  fit = infer(model, options)
  return fit
end)
local say = print
rawset(_G, "print", function() end)
dofile(example)
local least = math.huge
for _, row in ipairs(fit:rows()) do least = math.min(least, row.ess_bulk) end
say(fit.divergences, fit.reliable and 1 or 0, 1000 * least / borel.sum(fit:info "leapfrogs"))
