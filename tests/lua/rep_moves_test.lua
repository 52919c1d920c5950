-- SPDX-License-Identifier: MIT
-- Kernels on traces: exact transition matrices on the finite programs, Green's ratio at points of continuous ones against
-- densities and differences worked out apart.
local borel = require "borel"
local unit = require "borel.rep.unit"
local rep = borel.rep
local dist, sample, observe = borel.dist, borel.sample, borel.observe
local checks = require "borel.rep.suite.checks"
local moves = require "borel.rep.suite.moves"
local pairs_agree = require "borel.rep.suite.pairs"
local P = require("borel.rep.suite.programs").programs

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(pattern), ("expected '%s', got: %s"):format(pattern, tostring(message)))
end

-- ---- densities of given values -----------------------------------------------------------------------------------------

local function values_of(u)
  local values, choices = {}, unit.choices(u)
  for n, address in ipairs(choices.address) do values[address] = choices.value[n] end
  return values
end

for name, p in pairs(P) do -- the masses of all runs, from their densities
  local matrix = rep.matrix(rep.mh_step(), p.model)
  for i, u in ipairs(matrix.units) do
    local lp, about = rep.density(p.model, values_of(u))
    checks.close("density on " .. name, math.exp(lp), matrix.mass[i])
    assert(math.abs(about.prior + about.score - lp) < 1e-12 and #about.sites == u.count)
  end
end
assert(rep.density(P.P4.model, { x = 1 }) == -math.huge and rep.density(P.P1.model, { x = 2, y = 0 }) == -math.huge)
fails("no value for the site 'y'", rep.density, P.P1.model, { x = 1 })
fails("'z', a site that the program does not make", rep.density, P.P1.model, { x = 1, y = 0, z = 1 })
fails("site 'x'.*shape", rep.density, P.P1.model, { x = { 1, 2 }, y = 0 })

-- ---- involutive moves on finite programs --------------------------------------------------------------------------------

for name, block in pairs(moves.finite) do
  local matrix = rep.matrix(block, P[name].model)
  checks.kernel("involutive on " .. name, matrix, true)
  for k = 1, 2 do
    checks.measure("involutive on " .. name, P[name], rep.enumerate(rep.trace_mh(k, block), P[name].model))
  end
  checks.ergodic("involutive and mh_step on " .. name, rep.matrix(rep.pipeline { block, rep.mh_step() }, P[name].model))
end
checks.close("P3, to the other branch", rep.matrix(moves.finite.P3, P.P3.model):between("L 0", "R 1 1"),
  0.3 * 0.8 * math.min(1, 0.7 * 0.6 * 0.9 * 2 * 0.5 / (0.3 * 0.2 * 0.3 * 0.8)))

-- ---- Green's ratio at points of continuous programs -----------------------------------------------------------------------

for name, case in pairs(moves.continuous) do pairs_agree.check(name, case, 100) end

-- ---- compositions -------------------------------------------------------------------------------------------------------

for _, name in ipairs { "P1", "P2", "P4", "P7" } do
  checks.ergodic("tempered on " .. name, checks.tempered(name, P[name], { 0.4 }))
  checks.ergodic("transition on " .. name, checks.transition(name, P[name], { 0.2 }))
end
checks.tempered("P4", P.P4, { 0 })
checks.transition("P4", P.P4, { 0.5, 0 })

local function turn(choice, x) -- P(1 | 0) = 0.9, P(1 | 1) = 0.3
  local new = choice:bernoulli(x == 1 and 0.3 or 0.9)
  return new, new == x and 0 or math.log(x == 1 and 0.9 / 0.7 or 0.7 / 0.9)
end
local picked = rep.mixture { { rep.mh_step(), 2 }, { rep.mh_step { sites = { x = true, y = true } }, 1 },
  { rep.mh_step { proposals = { x = turn } }, 0.5 } }
checks.kernel("mixture", rep.matrix(picked, P.P1.model), true)
local parts = 0
for i, part in ipairs { rep.mh_step(), rep.mh_step { sites = { x = true, y = true } }, rep.mh_step { proposals = { x = turn } } } do
  parts = parts + rep.matrix(part, P.P1.model):between("0 1", "1 1") * ({ 4, 2, 1 })[i] / 7
end
checks.close("mixture, an entry", rep.matrix(picked, P.P1.model):between("0 1", "1 1"), parts)
for name, p in pairs(P) do
  local all = {}
  for _, address in ipairs { "x", "y", "r", "s", "b", "c", "d", "e", "u", "z[1]", "z[2]", "b[1]", "b[2]" } do all[address] = true end
  checks.kernel("several sites on " .. name, rep.matrix(rep.mh_step { sites = all }, p.model), true)
end
assert(picked.reversible and picked.kernel and not rep.pipeline({ rep.mh_step(), rep.mh_step() }).reversible)

-- ---- programs that have run to some factor --------------------------------------------------------------------------------

for name, p in pairs(P) do
  for k = 1, p.factors do
    local part = { start = rep.times(k, rep.advance()) }
    local what = ("%s, behind factor %d"):format(name, k)
    checks.kernel("mh_step on " .. what, rep.matrix(rep.mh_step(), p.model, part), true)
    local site = checks.sites[name][1]
    checks.kernel(("gibbs of %s on %s"):format(site, what), rep.matrix(rep.gibbs { site = site }, p.model, part), true)
  end
  local frozen = rep.pipeline { rep.advance(), rep.freeze(), rep.finish() }
  checks.kernel("frozen, " .. name, rep.matrix(rep.mh_step(), p.model, { start = frozen }), true)
end

-- ---- within compositions ------------------------------------------------------------------------------------------------

-- Moves between the steps of SMC, and of replicas.
local resample = rep.resample(checks.multinomial)
for name, moves_of in pairs { P1 = { moves.conditional.P1, rep.tempered_transition { ladder = { 0.5 }, moves = rep.gibbs { site = "x" } } },
  P2 = { rep.gibbs { site = "r" } }, P3 = { moves.finite.P3, moves.conditional.P3 }, P4 = { rep.gibbs { site = "x" } },
  P6 = { rep.gibbs { site = "b[1]" } }, P7 = { moves.finite.P7, rep.mixture { { rep.gibbs { site = "x" } }, { rep.mh_step(), 2 } } } } do
  for _, block in ipairs(moves_of) do
    checks.measure(block.name .. " within SMC on " .. name, P[name], rep.enumerate(rep.resample_move(2, 1, resample, block), P[name].model))
  end
end
for _, name in ipairs { "P1", "P4" } do
  local start, p = checks.with_replicas { 0.5 }, P[name]
  local _, scale = rep.enumerate(start, p.model)
  local measure, total = rep.enumerate(rep.pipeline { start, rep.times(2, rep.tempered { moves = rep.mh_step() }) }, p.model)
  for key, mass in pairs(measure) do measure[key] = mass * p.total / scale end
  checks.measure("tempered on " .. name, p, measure, total * p.total / scale)
end

-- With a program inside, whose evidence is drawn anew with each proposal.
local P8 = require("borel.rep.suite.programs").P8
local marginal = rep.nested(P8.parameters, P8.model, rep.merged(rep.pipeline { rep.smc(2, 1, resample), rep.collapse() }))
local flip = rep.involutive { involution = function(t) return { theta = 1 - t.theta }, {} end }
for what, block in pairs { involutive = flip, gibbs = rep.gibbs { site = "theta" },
  conditional = rep.conditional { site = "theta", draw = function(choice) return choice:bernoulli(0.2) end,
    logdensity = function(theta) return math.log(theta == 1 and 0.2 or 0.8) end } } do
  checks.kernel(what .. " on P8", rep.matrix(block, marginal), true)
end

-- ---- conditional laws -------------------------------------------------------------------------------------------------

-- Conjugate pairs: the check of exact conditionals is that of detailed balance, at every step.
local y = { 0.3, 1.2, -0.4 }
local pair = borel.model(function()
  local mu = sample("mu", dist.normal(1, 2))
  local p = sample("p", dist.beta(2, 3))
  for _, value in ipairs(y) do observe(dist.normal(mu, 0.5), value) end
  observe(dist.binomial(10, p), 7)
  return mu
end)
local function normal_of()
  local precision, sum = 1 / 4 + 3 / 0.25, 1 / 4 + (0.3 + 1.2 - 0.4) / 0.25
  return dist.normal(sum / precision, precision ^ -0.5)
end
local function exact(site, law)
  return rep.conditional { site = site, exact = true, draw = function(choice, t) return law(t):draw(choice) end,
    logdensity = function(value, t) return law(t):logdensity(value) end }
end
local means = rep.chain(rep.pipeline { exact("mu", normal_of), exact("p", function() return dist.beta(9, 6) end) }, pair, { draws = 2000 })
local mean = 0
for _, mu in ipairs(means) do mean = mean + mu / #means end
assert(math.abs(mean - normal_of().args[1]) < 4 * normal_of().args[2] / math.sqrt(#means), mean) -- independent draws

checks.conjugate(30)

-- ---- what is refused ----------------------------------------------------------------------------------------------------

local normal = borel.model(function() sample("x", dist.normal(0, 1)) end)
local function one(what) return function() return rep.run(rep.trace_mh(1, rep.involutive(what)), normal, 1) end end
local function aux(_) sample("v", dist.normal(0, 1)) end
fails("applied twice.*'x'", one { auxiliary = aux, involution = function(t, v) return { x = t.x + 1 }, { v = v.v } end })
fails("applied twice.*auxiliary value 'v'", one { auxiliary = aux, involution = function(_, v) return {}, { v = v.v + 1 } end })
fails("no value for the site 'v'", one { auxiliary = aux, involution = function(t) return { x = t.x }, {} end })
fails("'y', a site", one { auxiliary = aux, involution = function(t, v) return { x = t.x, y = 1 }, { v = v.v } end })
fails("two tables", one { involution = function() return 1 end })
fails("'involution' is missing", one {})
fails("unknown option 'jacobian'", one { involution = function() end, jacobian = 1 })
fails("may only sample", one { auxiliary = function() observe(dist.normal(0, 1), 1) end, involution = function() return {}, {} end })
fails("stated log%-Jacobian is 1", one { auxiliary = aux, check = "full", log_jacobian = function() return 1 end,
  involution = function(t, v) return { x = v.v }, { v = t.x } end })
fails("maps 2 continuous numbers to 1", one { check = false, auxiliary = function(t) if t.x < 10 then aux() end end,
  involution = function(t) return { x = t.x + 100 }, {} end })
fails("no replicas", rep.run, rep.pipeline { rep.finish(), rep.tempered { moves = rep.mh_step() } }, normal, 1)
fails("power 2 of the ladder is 0.6", rep.replicas, { 0.5, 0.6 })
fails("the ladder is a list", rep.tempered_transition, { moves = rep.mh_step() })
fails("is no kernel", rep.tempered, { moves = rep.finish() })
fails("is not reversible", rep.tempered_transition, { ladder = { 0.5 }, moves = rep.pipeline { rep.mh_step(), rep.mh_step() } })
fails("part 1 must be { block, weight }", rep.mixture, { rep.mh_step() })
fails("is no kernel", rep.chain, rep.finish(), normal)
fails("had no mass", rep.chain, rep.mh_step(), borel.model(function() borel.factor(-math.huge) end))
fails("changes weights", rep.matrix, rep.spawn(2), P.P1.model)
fails("'mu': it is not exact", rep.chain, exact("mu", function() return dist.normal(0, 1) end), pair)
fails("'site' is missing", rep.gibbs, {})
fails("finitely many values", rep.chain, rep.gibbs { site = "mu" }, pair)
fails("needs logdensity", rep.conditional, { site = "mu", draw = print })
local cauchy = borel.model(function() observe(dist.cauchy(sample("mu", dist.normal(0, 1)), 1), 3) end)
fails("not of the family of normal", rep.chain, rep.conjugate { site = "mu" }, cauchy)
fails("has no family", rep.chain, rep.conjugate { site = "x" }, P.P1.model)
fails("or state log_jacobian", one { auxiliary = aux, involution = function(t, v) return { x = t.x + 0 * math.exp(v.v) }, { v = v.v } end })
fails("has no inverse", one { auxiliary = aux, check = false, involution = function() return { x = 1 }, { v = 2 } end })
local simplex = borel.model(function() sample("s", dist.dirichlet { 1, 2 }) end)
local function again(given) return function() rep.chain(rep.involutive(given), simplex, { draws = 3 }) end end
local function fresh() sample("v", dist.dirichlet { 1, 1 }) end
again { auxiliary = fresh, involution = function(t, v) return { s = v.v }, { v = t.s } end }()
fails("fewer free numbers", again { auxiliary = fresh, involution = function(t, v) return { s = 1 - t.s }, { v = v.v } end })
fails("'x', which is frozen", rep.run, rep.pipeline { rep.advance(), rep.freeze(), rep.finish(), rep.involutive {
  involution = function(t) return { x = 2 - t.x }, {} end } }, P.P4.model, 5)

-- ---- ratios that are not a number -----------------------------------------------------------------------------------------

-- The log-density of y is NaN where x > 1: of moves of x alone, 16 % lead there.
local odd = borel.dist.define { name = "odd", params = { "m" }, support = borel.support.real,
  logdensity = function(x, m) return borel.log(1 - m) - x * x / 2 end, draw = function(choice) return choice:normal() end }
local function odd_run()
  sample("y", odd(sample("x", dist.normal(0, 1))))
  observe(dist.normal(0, 1), 1)
end
local half = borel.model(odd_run)
local alone = rep.mh_step { sites = { x = true } }
local undefined = "mh_step: %d+ of %d+ acceptance ratios are not a number %(at most 1 %% may be%), "
  .. "the first by the log%-density of site 'y'"
fails(undefined, rep.chain, alone, half, { draws = 300 })
fails(undefined, rep.run, rep.resample_move(20, 1, rep.resample "multinomial", rep.times(5, alone)), half, 1)
fails(undefined, rep.run, rep.finish(), borel.model(function() rep.inside("part", rep.trace_mh(100, alone), half) end), 1)
fails(undefined, borel.infer, half, { kernel = borel.trace_mh { sites = { "x" } }, draws = 300, warmup = 10, progress = false })
fails("25 of 50 acceptance ratios are not a number.*by the logdensity stated for site 'x'", rep.chain, rep.conditional { site = "x",
  draw = function(choice) return choice:normal() end, logdensity = function(value) return value > 0 and 0 / 0 or 0 end }, normal,
  { draws = 50 })
fails("involutive: 9 of 9 acceptance.*by its log_jacobian", rep.run, rep.trace_mh(9, rep.involutive {
  involution = function(t) return { x = -t.x }, {} end, log_jacobian = function() return 0 / 0 end }), normal, 1)
-- Up to 1 % are refused: x > 3 in 0.13 %, and other moves of the same chain do not dilute those of one block.
local rare = borel.model(function() sample("y", odd(sample("x", dist.normal(0, 1)) - 2)) end)
local _, happened = rep.chain(alone, rare, { draws = 5000 })
assert(happened["not a number"] >= 1 and happened["not a number"] <= 50, happened["not a number"])
fails(undefined, rep.chain, rep.pipeline { alone, rep.times(50, rep.mh_step { sites = { y = true } }) }, half, { draws = 300 })
