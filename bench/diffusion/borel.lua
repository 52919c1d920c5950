-- SPDX-License-Identifier: MIT
-- borel.lua OUT: what bench/diffusion-peers.sh compares, as JSON: levels, starts, normals, and for each case the samples of
-- Borel's solver on a grid of 20 uneven steps and its errors on uniform ones.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local tools = dofile(folder .. "../../tests/lua/diffusion_tools.lua")
local core, diffusion = tools.core, tools.diffusion
local solver, grid = diffusion.solver, diffusion.grid

local always = 1000000 -- steps below which the orders fall at the end: the peers of these cases know no such number
local cases = {
  ["ddim"] = solver.ddim {},
  ["ddim eta=1"] = solver.ddim { eta = 1 },
  ["dpmpp 1"] = solver.dpmpp { order = 1 },
  ["dpmpp 2M midpoint"] = solver.dpmpp { order = 2 },
  ["dpmpp 2M heun"] = solver.dpmpp { order = 2, form = "heun" },
  ["dpmpp 3M"] = solver.dpmpp { order = 3 },
  ["dpmpp 3M compat"] = solver.dpmpp { order = 3, compat = "reference" },
  ["dpmpp 2M lower end"] = solver.dpmpp { order = 3, compat = "reference", lower_order_below = always },
  ["dpm 1"] = solver.dpm { order = 1 },
  ["dpm 2M midpoint"] = solver.dpm { order = 2 },
  ["dpm 2M taylor"] = solver.dpm { order = 2, form = "taylor" },
  ["dpm 3M"] = solver.dpm { order = 3 },
  ["dpm 3M taylor"] = solver.dpm { order = 3, form = "taylor" },
  ["dpm 3M compat"] = solver.dpm { order = 3, compat = "reference" },
  ["sde 1"] = solver.dpmpp { order = 1, eta = 1 },
  ["sde 2M midpoint"] = solver.dpmpp { order = 2, eta = 1 },
  ["sde 2M heun"] = solver.dpmpp { order = 2, eta = 1, form = "heun" },
  ["sde 2M heun eta=.5"] = solver.dpmpp { order = 2, eta = .5, form = "heun" },
  ["sde 3M"] = solver.dpmpp { order = 3, eta = 1 },
  ["sde 3M compat"] = solver.dpmpp { order = 3, eta = 1, compat = "reference" },
  ["sde 3M compat taylor"] = solver.dpmpp { order = 3, eta = 1, form = "taylor", compat = "reference" },
  ["sde noise 1"] = solver.dpmpp { order = 1, eta = 1, predict = "noise" },
  ["sde noise 2M"] = solver.dpmpp { order = 2, eta = 1, predict = "noise" },
  ["dpmpp 2S grid"] = solver.dpmpp { order = 2, mode = "fast", outer = "grid", inner = "grid" },
  ["dpmpp 3S grid taylor"] = solver.dpmpp { order = 3, mode = "fast", outer = "grid", inner = "grid", form = "taylor" },
  ["dpm 2S grid"] = solver.dpm { order = 2, mode = "fast", outer = "grid", inner = "grid" },
  ["dpm 3S grid taylor"] = solver.dpm { order = 3, mode = "fast", outer = "grid", inner = "grid", form = "taylor" },
  ["dpmpp 2S"] = solver.dpmpp { order = 2, mode = "singlestep" },
  ["dpm fast 3"] = solver.dpm { order = 3, mode = "fast" },
  ["unipc 1 bh1"] = solver.unipc { order = 1, variant = "bh1" },
  ["unipc 1 bh2"] = solver.unipc { order = 1 },
  ["unipc 2 bh1"] = solver.unipc { order = 2, variant = "bh1" },
  ["unipc 2 bh2"] = solver.unipc { order = 2 },
  ["unipc 3 bh2"] = solver.unipc { order = 3 },
  ["unipc 4 bh2"] = solver.unipc { order = 4 },
  ["unipc 2 lower end"] = solver.unipc { order = 2, lower_order_below = always },
  ["unipc 3 noise"] = solver.unipc { order = 3, predict = "noise" },
  ["unipc 3 from 3"] = solver.unipc { order = 3, corrector_from = 3 },
  ["sa 1 1"] = solver.sa { predictor = 1, corrector = 1 },
  ["sa 2 2"] = solver.sa { predictor = 2, corrector = 2, form = "midpoint" },
  ["sa 3 4"] = solver.sa { predictor = 3, corrector = 4, form = "midpoint" },
  ["sa 3 3 pieces"] = solver.sa { predictor = 3, corrector = 3, form = "midpoint", taus = { 0, 1, 0 }, breaks = { -1, 1.5 } },
  ["sa 3 3 tau=0"] = solver.sa { predictor = 3, corrector = 3, form = "midpoint", tau = 0 },
  ["sa 3 3 noise"] = solver.sa { predictor = 3, corrector = 3, predict = "noise", tau = .5 },
}

local draws, n = 64, 20
local uneven = grid.karras { n = n, lambda_start = -4, lambda_end = 3 }

local function lambdas(levels)
  local out = {}
  for i = 1, levels.shape[1] do out[i] = levels[{ i, 2 }] end
  return out
end

-- The normals of step i: every solver draws these. From a run in which x0 is 0, where a step is c x + s z.
local function normals()
  local nothing = diffusion.score.fn { predicts = "data", dimension = 2, fn = function(x) return 0 * x end }
  local run = tools.run(solver.ddim { eta = 1 }, uneven, { score = nothing, draws = draws, trajectory = true })
  local steps, keep = {}, nil
  for _, at in ipairs(run.plan:instructions()) do
    if at.code == "combine" then keep = at.from[1].coefficient end
    if at.code == "noise" then
      local rows, i = {}, #steps + 1
      for r = 1, draws do
        rows[r] = {}
        for d = 1, 2 do rows[r][d] = (run.trajectory[{ i + 1, r, d }] - keep * run.trajectory[{ i, r, d }]) / at.scale end
      end
      steps[i] = rows
    end
  end
  return steps
end

local ns, weak_ns = { 20, 40, 80, 160 }, { 40, 80, 160 }
local fine = tools.run(solver.dpmpp { order = 3, mode = "singlestep" }, tools.grid(2000, -5, 4), { draws = draws }).x
local out = { mixture = tools.m3_parameters, steps = n, lambdas = lambdas(uneven:levels(tools.vp)), normals = normals(),
  start = tools.normals(draws, 2, 1):totable(), fine = fine:totable(), ns = ns, weak_ns = weak_ns, cases = {} }
for name, one in pairs(cases) do
  local kept = { x = tools.run(one, uneven, { draws = draws }).x:totable() }
  if one.claims.stochastic then
    kept.weak = {}
    for i, m in ipairs(weak_ns) do
      kept.weak[i] = math.abs(select(2, tools.moments(tools.vp, one, tools.grid(m, -5, 3), .7, .09)))
    end
  else
    kept.errors = tools.slopes(one, fine, ns, -5, 4, { draws = draws })
  end
  out.cases[name] = kept
end

local file = assert(io.open(arg[1], "w"))
file:write(core.to_json(out), "\n")
file:close()
