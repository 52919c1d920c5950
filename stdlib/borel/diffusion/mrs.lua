-- SPDX-License-Identifier: MIT
--- MR Sampler (Li et al. 2025, ICLR): samplers of mean-reverting diffusion. Less the mean it reverts to, such a diffusion is a
-- Gaussian process like any other, and their formulas are the Taylor forms of DPM-Solver++, or DPM-Solver for eps: this makes
-- those. It serves any process.
local core = require "borel.core"
local options = require "borel.options"

local known = { kind = { choices = { "ode", "sde" }, default = "ode" }, predict = { choices = { "data", "noise" }, default = "data" },
  order = { type = "number", integer = true, min = 1, max = 3, default = 2 }, noise = { choices = { "fresh", "tree" } },
  denoise = { type = "boolean", default = false }, compat = { choices = { "none", "reference" }, default = "none" } }

--- solver.mrs{ kind = "ode" | "sde", predict = "data" | "noise", order = 2 (up to 3, "sde" to 2), denoise = end with x0, noise = "fresh" |
-- "tree" of "sde", compat = "reference": the published third order }. Grids of fewer than 10 steps end with lower orders.
-- Thresholded scores are refused with predict = "noise".
return function(solvers, given)
  given = options.check("solver.mrs", given, known)
  local sde = given.kind == "sde"
  if sde and given.order == 3 then core.error("solver.mrs: kind = \"sde\" has orders 1 and 2, not 3") end
  if not sde and given.noise then core.error("solver.mrs: noise is for kind = \"sde\"") end
  local parameters = { order = given.order, mode = "multistep", form = "taylor", lower_order_below = 10, denoise = given.denoise,
    compat = given.compat }
  local name = "dpm"
  if sde or given.predict == "data" then
    name, parameters.predict, parameters.eta, parameters.noise = "dpmpp", given.predict, sde and 1 or 0, given.noise
  end
  local solver = solvers[name](parameters)
  solver.no_threshold = given.predict == "noise" and "solver.mrs" or nil
  return solver
end
