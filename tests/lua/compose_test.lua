-- SPDX-License-Identifier: MIT
-- Kernels made of kernels in runs: what borel.infer chooses and says, posteriors that are known by other means, adaptation of
-- the parts, what a fit tells of them.
local core = require "borel.core"

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir -p " .. folder))
local count = 0
local function out()
  count = count + 1
  return folder .. "/" .. count
end

local function close(name, a, error_a, b, error_b)
  local off = math.abs(a - b) / math.sqrt(error_a ^ 2 + error_b ^ 2)
  -- Some sixty comparisons: 4.5 standard errors are exceeded by chance once in 2000 such files.
  assert(off < 4.5, ("%s: %g +- %g, not %g +- %g"):format(name, a, error_a, b, error_b))
end

local function by_name(fit)
  local rows = {}
  for _, row in ipairs(fit:rows()) do rows[row.name] = row end
  return rows
end

local function fails(pattern, f, ...)
  local fine, message = pcall(f, ...)
  assert(not fine and message:find(pattern), message)
end

-- ---- labels drawn, and summed out --------------------------------------------------------------------------------------

local y, N = {}, 24
for i = 1, N do y[i] = (i % 3 == 0 and 4 or 0) + 2.2 * math.sin(7 * i) end

local function priors()
  local share = sample("share", dist.beta(2, 2))
  local low = sample("low", dist.normal(0, 2))
  local gap = sample("gap", dist.half_normal(3))
  local sigma = sample("sigma", dist.half_normal(2))
  return share, borel.array { 0, 1 } * gap + low, sigma
end

local labelled = borel.model(function(data)
  local share, mu, sigma = priors()
  local z = sample("z", dist.bernoulli(share):iid(N))
  observe("y", dist.normal(mu[z + 1], sigma), data.y)
end)

-- The same, and the probability of each label given all else.
local summed = borel.model(function(data)
  local share, mu, sigma = priors()
  local data_y = borel.array(data.y)
  local function log_normal(m) return -0.5 * borel.square((data_y - m) / sigma) - borel.log(sigma) end
  local zero, one = borel.log(1 - share) + log_normal(mu[1]), borel.log(share) + log_normal(mu[2])
  deterministic("p", borel.exp(one - borel.log_add_exp(zero, one)))
  borel.factor("y", borel.log_add_exp(zero, one))
end)

local drawn = borel.infer(labelled, { data = { y = y }, draws = 5000, warmup = 1000, out = out() })
local exact = borel.infer(summed, { data = { y = y }, draws = 5000, warmup = 1000, out = out() })
assert(drawn.manifest.kernel.text == "cycle(on z: gibbs, on u: nuts)")
assert(drawn.manifest.kernel.parameters.kernels[1].parameters.kernels[1].name == "gibbs")
local a, b = by_name(drawn), by_name(exact)
for _, name in ipairs { "share", "low", "gap", "sigma" } do
  close(name, a[name].mean, a[name].mcse_mean, b[name].mean, b[name].mcse_mean)
  close(name .. " sd", a[name].sd, a[name].mcse_sd, b[name].sd, b[name].mcse_sd)
end
for i = 1, N do
  local z, p = a[("z[%d]"):format(i)], b[("p[%d]"):format(i)]
  close(("label %d"):format(i), z.mean, z.mcse_mean, p.mean, p.mcse_mean)
end
print(("FIGURE least_ess_labels %.0f\nFIGURE least_ess_summed %.0f"):format(
  math.min(a.share.ess_bulk, a.low.ess_bulk, a.gap.ess_bulk, a.sigma.ess_bulk),
  math.min(b.share.ess_bulk, b.low.ess_bulk, b.gap.ess_bulk, b.sigma.ess_bulk)))

-- What a fit tells of the parts, by full name or a short one that is nobody else's.
assert(core.sum(drawn:info "changed") > 0 and core.sum(drawn:info "1.changed") == core.sum(drawn:info "changed"))
assert(core.sum(core.gt(drawn:info "2.step_size", 0)) == 4 * 5000 and drawn.reliable, drawn:verdict())
fails("the kernel reports no 'chosen'", drawn.info, drawn, "chosen")

-- Labels that are certain have moved in the warm-up: they are not stuck.
local far = {}
for i = 1, N do far[i] = (i % 3 == 0 and 12 or 0) + math.sin(7 * i) end
local certain = borel.infer(labelled, { data = { y = far }, draws = 1000, out = out() })
assert(by_name(certain)["z[1]"].sd == 0 and by_name(certain)["z[3]"].mean == 1)
for _, problem in ipairs(certain.problems) do assert(problem.kind ~= "stuck", certain:verdict()) end

-- A name stands for the elements of a loop and the members of a nested model.
local inner = borel.model(function() sample("a", dist.normal(0, 1)) sample("k", dist.bernoulli(0.5)) end)
local outer = borel.model(function()
  borel.call("group", inner)
  for i = 1, 3 do sample({ "theta", i }, dist.normal(0, 1)) end
end)
local source = outer:trace(nil, "interpreter", true).target
local function left(kernel) return table.concat(kernel.object:stays(source), " ") end
assert(left(borel.on("group", "gibbs")) == "group.a theta[1] theta[2] theta[3]", left(borel.on("group", "gibbs")))
assert(left(borel.on({ "group", "theta" }, borel.nuts {})) == "group.k")
assert(left(borel.cycle { borel.on("group.k", "gibbs"), borel.on("theta", "nuts"), borel.on("theta[2]", "nuts") }) == "group.a")
assert(left(borel.mixture { { borel.random_walk { move = "all" }, 1 }, { borel.thin(2, "nuts"), 1 } }) == "")

-- The labels alone by a walk, and a part of u after the other: another composition, the same posterior.
local other = borel.infer(labelled, { data = { y = y }, draws = 8000, out = out(), kernel = borel.cycle {
  borel.thin(2, borel.on({ "z" }, borel.gibbs { scan = "systematic" })),
  borel.mixture { { borel.on({ "low", "gap" }, borel.hmc {}), 2 }, { borel.on("u", borel.slice {}), 1 } },
  borel.on({ "share", "sigma" }, borel.nuts {}) } })
local c = by_name(other)
for _, name in ipairs { "share", "low", "gap", "sigma" } do
  close(name .. " otherwise", c[name].mean, c[name].mcse_mean, b[name].mean, b[name].mcse_mean)
end
fails("several parts of the kernel report 'accept': 2.1.accept, 3.accept", other.info, other, "accept")
local chosen = core.sum(core.eq(other:info "chosen", 1)) / (4 * 8000)
assert(math.abs(chosen - 2 / 3) < 4.5 * math.sqrt(2 / 9 / (4 * 8000)), chosen)

-- Values by the thousand are walked over, not weighed each.
local years = borel.infer(borel.model(function()
  local k = sample("k", dist.discrete_uniform(1, 2000))
  sample("x", dist.normal(k, 500))
end), { draws = 10, warmup = 10, chains = 1, out = out() })
assert(years.manifest.kernel.text == "cycle(on z: random-walk, on u: nuts)")

-- ---- adaptation ----------------------------------------------------------------------------------------------------------

-- Scales of 1000 and 0.001 are found for the block that a part moves, whatever else there is.
local scales = borel.model(function()
  local k = sample("k", dist.binomial(6, 0.5))
  local m = sample("m", dist.normal(0, 1):iid(3))
  sample("x", dist.normal(borel.stack { 1000 * m[1], 0.001 * k, 1 }, borel.array { 1000, 0.001, 1 }))
end)
for _, kernel in ipairs {
  borel.cycle { borel.on("k", "gibbs"), borel.on("x", borel.hmc {}), borel.on("m", borel.nuts {}) },
  borel.mixture { { borel.on("k", "gibbs"), 1 }, { borel.on("x", borel.hmc {}), 2 }, { borel.on("m", borel.nuts {}), 2 } },
} do
  local fit = borel.infer(scales, { kernel = kernel, draws = 4000, warmup = 2000, out = out() })
  local rows = by_name(fit)
  close("x[2]", rows["x[2]"].mean, rows["x[2]"].mcse_mean, 0.003, 0)
  close("k", rows["k"].mean, rows["k"].mcse_mean, 3, 0)
  close("sd of x[3]", rows["x[3]"].sd, rows["x[3]"].mcse_sd, 1, 0)
  close("sd of x[1]", rows["x[1]"].sd, rows["x[1]"].mcse_sd, 1000 * math.sqrt(2), 0)
  local accept = fit:info("2.accept"):reshape { 4 * 4000 }
  local known = core.where(accept:eq(accept), accept, 0)
  local mean = core.sum(known) / core.sum(core.where(accept:eq(accept), 1, 0))
  assert(mean > 0.6 and mean < 0.98, mean) -- hmc aims at 0.8
end

-- A part that is never chosen at the end of the warm-up hears of it all the same: its last step, once more.
local told = borel.component {
  kind = "kernel", name = "told", tuning = { settled = "1 once the warm-up is over", steps = "how many it adapted to" },
  info = { settled = "", steps = "" },
  step = function(_, ctx, _, _, info) info.settled, info.steps = ctx.tuning.settled, ctx.tuning.steps end,
  adapt = function(_, ctx)
    ctx.tuning.steps = ctx.tuning.steps + 1
    if ctx.phase.iteration + 1 == ctx.phase.warmup then ctx.tuning.settled = 1 end
  end,
}
local normal = borel.model(function() sample("x", dist.normal(0, 1)) end)
local fit = borel.infer(normal, { warmup = 30, draws = 200, chains = 2, out = out(),
  kernel = borel.mixture { { told {}, 1 }, { told {}, 1 }, { borel.nuts {}, 1 } } })
for _, name in ipairs { "1.settled", "2.settled" } do
  local settled = fit:info(name):reshape { 400 }
  assert(core.sum(core.where(settled:eq(settled), 1 - settled, 0)) == 0, name)
end

-- ---- claims ----------------------------------------------------------------------------------------------------------------

local function row_of(rows, claim, method)
  for _, row in ipairs(rows) do
    assert(row.verdict ~= "fails", row.evidence)
    if row.claim == claim and row.method == method then return row end
  end
  error(("no row of '%s' by %s"):format(claim, method))
end

local walk = borel.random_walk { law = "three_point", adapt = false }
local function judged(kernel, claim, method, verdict)
  local row = row_of(borel.validate(kernel), claim, method)
  assert(row.verdict == verdict, row.evidence)
end
judged(borel.cycle { borel.on("z", "gibbs"), borel.on("u", walk) }, "preserves the target", "matrix", "holds")
judged(borel.on("u", borel.nuts {}), "preserves the target", "orbit", "not tested") -- too far for the check
judged(borel.cycle { borel.on("z", "gibbs"), borel.on("u", borel.nuts {}) }, "preserves the target", "-", "not tested")
judged(borel.gibbs {}, "leaves u", "steps", "holds")

os.execute("rm -rf " .. folder)
print "ok"
