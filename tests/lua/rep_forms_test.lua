-- SPDX-License-Identifier: MIT
-- Three ways to run a program - one particle at a time, all at once, as an explicit state space: the same measure when every
-- choice is enumerated, the same particles bit for bit when they are drawn.
local borel = require "borel"
local core = require "borel.core"
local rep = borel.rep
local dist, sample, factor, observe = borel.dist, borel.sample, borel.factor, borel.observe
local finite = require "borel.rep.suite.programs"

local function multinomial(source, weights, n)
  local a = {}
  for i = 1, n do a[i] = source:categorical(weights) end
  return a
end

-- One uniform for all: position (u + i) / n.
local function systematic(source, weights, n)
  local u, a, j, sum = source:uniform(), {}, 1, weights[1]
  for i = 1, n do
    while (u + i - 1) / n >= sum and j < n do
      j = j + 1
      sum = sum + weights[j]
    end
    a[i] = j
  end
  return a
end

local function fails(part, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error; expected one with: " .. part)
  assert(tostring(message):find(part, 1, true), ("the error is %q, expected %q in it"):format(tostring(message), part))
end

-- ---- measures ----------------------------------------------------------------------------------------------------------

local function check(what, p, measure, total)
  local tolerance = 1e-12 * math.max(1, p.total)
  local got = {}
  for key, mass in pairs(measure) do got[p.key and p.key(key) or key] = mass end
  for key, mass in pairs(p.measure) do
    assert(math.abs((got[key] or 0) - mass) <= tolerance, ("%s: %s has mass %.17g, not %.17g"):format(what, key, got[key] or 0, mass))
  end
  for key, mass in pairs(got) do assert(p.measure[key], ("%s: %s has mass %g, not 0"):format(what, key, mass)) end
  assert(math.abs(total - p.total) <= tolerance, ("%s: the total is %.17g, not %.17g"):format(what, total, p.total))
end

local where, eq = borel.where, borel.eq
local function when(x, is, a, b) return where(eq(x, is), a, b) end

-- A chain of two states, seen through the emissions of P5 and P8.
local function hmm(y, first, up)
  return borel.state_space {
    init = function() return dist.bernoulli(first) end,
    transition = function(_, z, theta)
      local p = up(theta)
      return dist.bernoulli(when(z, 0, p[1], p[2]))
    end,
    observe = function(t, z) return when(z, 0, math.log(y[t] == 0 and 0.9 or 0.1), math.log(y[t] == 0 and 0.3 or 0.7)) end,
    steps = #y, keep = "paths", name = "z",
  }
end

local P5 = hmm({ 0, 1, 1 }, 0.4, function() return { 0.3, 0.8 } end)
local P1 = borel.model(function()
  local x = sample("x", dist.bernoulli(1 / 3))
  local y = sample("y", dist.bernoulli(when(x, 1, 3 / 4, 1 / 4)))
  factor(when(y, 1, math.log(2), math.log(1 / 2)))
  return x, y
end)
local P4 = borel.model(function()
  local x = sample("x", dist.discrete_uniform(0, 3))
  factor(where(borel.logical_or(eq(x, 0), eq(x, 2)), 0, -math.huge))
  local y = sample("y", dist.bernoulli(0.5))
  factor(where(borel.logical_or(eq(x, 0), eq(y, 1)), 0, -math.huge))
  return x, y
end)

local programs = {
  { name = "P1", of = finite.programs.P1, forms = { single = P1, batched = rep.batched(P1) } },
  { name = "P4", of = finite.programs.P4, forms = { single = P4, batched = rep.batched(P4) } },
  { name = "P5", of = finite.programs.P5, forms = { single = P5:model(), batched = rep.batched(P5:model()), states = P5 },
    key = function(key) return (key:gsub(" ", "")) end },
}
for _, program in ipairs(programs) do
  local p = { measure = program.of.measure, total = program.of.total, key = program.key }
  for form, m in pairs(program.forms) do
    local function try(what, block) check(("%s of %s, %s"):format(what, program.name, form), p, rep.enumerate(block, m)) end
    try("finish", rep.finish())
    try("importance", rep.importance(2))
    for _, ess in ipairs { 0.9, 1 } do
      local resample = rep.resample(multinomial, { ess = ess })
      for k = 0, program.of.factors do
        try("smc " .. k, rep.smc(2, k, resample))
        try("smc_push " .. k, rep.pipeline { rep.smc_push(2, k, resample), rep.collapse() })
      end
    end
    try("throughout", rep.pipeline { rep.spawn(2), rep.throughout(rep.resample(multinomial)) })
    try("systematic", rep.smc(2, 2, rep.resample "systematic"))
    try("spawn later", rep.pipeline { rep.advance(), rep.spawn(2), rep.resample(multinomial), rep.finish(), rep.proper(), rep.marginal() })
  end
end

-- Inside another program, whose parameter they are given.
local P8 = finite.P8
local inner = hmm({ 0, 1 }, 0.5, function(theta) return theta == 0 and { 0.3, 0.7 } or { 0.8, 0.1 } end)
local p8 = { measure = P8.measure, total = P8.total, key = function(key) return (key:gsub("^(%d) (%d) (%d)$", "%1 %2%3")) end }
for form, m in pairs { single = inner:model(), batched = rep.batched(inner:model()), states = inner } do
  local smc = rep.pipeline { rep.smc(2, 1, rep.resample(multinomial)), rep.collapse() }
  check("inside, " .. form, p8, rep.enumerate(rep.finish(), rep.nested(P8.parameters, m, smc)))
  check("pmmh, " .. form, p8, rep.enumerate(rep.pmmh(1), rep.nested(P8.parameters, m, rep.merged(smc))))
end

-- ---- particles ---------------------------------------------------------------------------------------------------------

local function same(what, a, b)
  if type(a) == "table" then
    assert(#a == #b, what .. ": lengths differ")
    for i in ipairs(a) do same(("%s[%d]"):format(what, i), a[i], b[i]) end
  elseif core.is_array(a) then
    same(what, a:totable(), b:totable())
  else
    assert(a == b and math.type(a) == math.type(b), ("%s: %s and %s"):format(what, a, b))
  end
end

-- All forms from one seed: log-evidence, weights and values equal in every bit.
local function compare(what, block, data, forms)
  local first
  for form, m in pairs(forms) do
    local population = rep.run(block, m, 11, data)
    if not first then
      first = population
    else
      local name = what .. ", " .. form
      same(name .. ", log-evidence", rep.log_evidence(first), rep.log_evidence(population))
      assert(#first.units == #population.units, name .. ": other numbers of particles")
      for i = 1, #first.units do
        same(name .. ", log-weight", first.log_weights[i], population.log_weights[i])
        same(name .. ", value", first.units[i].value, population.units[i].value)
      end
    end
  end
  return first
end

local T = 30
local y = {}
for t = 1, T do y[t] = 2 * math.sin(0.4 * t) + 0.3 * math.cos(5 * t) end
local data = { y = y }
local function local_level(keep)
  return borel.state_space {
    init = function() return dist.normal(0, 1) end,
    transition = function(_, x) return dist.normal(x, 0.5) end,
    observe = function(t, x, given) return dist.normal(x, 0.7), given.y[t] end,
    steps = function(given) return #given.y end, keep = keep,
  }
end

local function forms_of(space) return { single = space:model(), batched = rep.batched(space:model()), states = space } end
local halved = rep.resample(systematic, { ess = 0.5 })
compare("local level", rep.smc(100, T, halved), data, forms_of(local_level "paths"))
compare("local level, last", rep.smc(100, T, rep.resample("systematic", { ess = 0.5 })), data, forms_of(local_level "last"))
local ends_early = rep.pipeline { rep.smc(50, 7, rep.resample "multinomial"), rep.proper() }
compare("local level, early end", ends_early, data, forms_of(local_level "paths"))

-- Vectors, matrices, laws drawn one by one or at once, and a law of the parameters.
local A = core.array { { 0.9, 0.2 }, { -0.1, 0.8 } }
local vectors = borel.state_space {
  init = function() return dist.normal(0, 1):iid(2) end,
  transition = function(_, x) return dist.normal(borel.matmul(A, x), core.array { 0.3, 0.4 }) end,
  observe = function(t, x, given) return dist.normal(x[1] - x[2] ^ 2 + borel.sum(x), 0.7), given.y[t] end,
  steps = 8, keep = "paths",
}
compare("vectors", rep.smc(40, 8, halved), data, forms_of(vectors))

local mixed = borel.model(function(given)
  local rate = sample("rate", dist.gamma(2, 1))
  local scale = sample("scale", dist.lognormal(0, 0.3))
  local p = sample("p", dist.beta(2, 3))
  local group = sample("group", dist.categorical { 0.2, 0.5, 0.3 })
  local level = core.array({ 0.5, 1.5, 2.5 })[group]
  local rows = core.array({ { 1, 2 }, { 3, 4 }, { 5, 6 } })[group]
  local sides = sample("sides", dist.uniform(-rate, rate):iid(3))
  local events = sample("events", dist.exponential(sides * sides + 1))
  local counts = {}
  for i = 1, 3 do
    counts[i] = sample({ "count", i }, dist.poisson(rate + level))
    factor({ "seen", i }, -0.1 * (counts[i] - i) ^ 2)
    observe(dist.normal(sides * scale, 1), core.array { 0.1 * i, 0.2, -0.3 })
  end
  local coin = sample("coin", dist.bernoulli(p))
  borel.plate("groups", 4, function() return sample("each", dist.normal(rate, scale)) end)
  factor(-0.01 * given.y[1] * borel.log_sum_exp(sides) + 0.1 * borel.where(coin, 1, 2))
  return rate, scale, group, level, rows, sides, events, counts, coin + 1
end)
compare("mixed", rep.smc(30, 7, rep.resample(systematic)), data, { single = mixed, batched = rep.batched(mixed) })

-- Every law that is drawn for all particles at once.
local heavy = borel.model(function(given)
  local x = sample("x", dist.normal(0, 1))
  local s = borel.exp(0.3 * x)
  local list = { x }
  local function add(name, law) list[#list + 1] = sample(name, law) end
  add("student", dist.student_t(4, x, s))
  add("cauchy", dist.cauchy(x, s))
  add("laplace", dist.laplace(x, s))
  add("logistic", dist.logistic(x, s))
  add("gumbel", dist.gumbel(x, s))
  add("skew", dist.skew_normal(x, s, x))
  add("mod", dist.exp_mod_normal(x, s, s))
  add("half", dist.half_normal(s))
  add("half_cauchy", dist.half_cauchy(s))
  add("half_t", dist.half_student_t(5, s))
  add("lognormal", dist.lognormal(x, s))
  add("rayleigh", dist.rayleigh(s))
  add("pareto", dist.pareto(s, 2))
  add("pareto_2", dist.pareto_type_2(x, s, 3))
  add("chi", dist.chi_square(3 * s))
  add("inverse", dist.inverse_gamma(3, s))
  add("inverse_chi", dist.inverse_chi_square(3 * s))
  add("scaled", dist.scaled_inverse_chi_square(4, s))
  add("beta", dist.beta(s, 2))
  add("proportion", dist.beta_proportion(borel.inv_logit(x), 3))
  add("logit", dist.logit_normal(x, s))
  add("coin", dist.bernoulli_logit(x))
  add("counts", dist.neg_binomial_2(s, 2))
  add("rows", dist.half_cauchy(s):iid(2, 2))
  add("outcome", dist.categorical(borel.stack { 0.5, 0.3, 0.2 }))
  add("softmax", dist.categorical_logit(borel.stack { x, 0, -x }))
  add("many", dist.categorical { 0.1, 0.9 }:iid(3))
  add("plane", dist.multi_normal(borel.stack { x, s }, core.array { { 1, 0.4 }, { 0.4, 2 } }))
  add("dirichlet", dist.dirichlet(borel.stack { s, 1.0 }))
  factor(-x * x * given.y[1])
  return list
end)
compare("laws", rep.smc(20, 1, rep.resample(systematic)), data, { single = heavy, batched = rep.batched(heavy) })

-- ---- evidence ----------------------------------------------------------------------------------------------------------

-- Kalman's filter of the local level: log p(y).
local function log_evidence()
  local mean, variance, total = 0, 1, 0
  for t = 1, T do
    if t > 1 then variance = variance + 0.25 end
    local of_y, error_ = variance + 0.49, y[t] - mean
    total = total - 0.5 * (math.log(2 * math.pi * of_y) + error_ * error_ / of_y)
    mean, variance = mean + variance / of_y * error_, variance * 0.49 / of_y
  end
  return total
end

-- The estimate of the evidence is unbiased: its mean over runs is within 4 standard errors.
local exact, runs, sum, squares = log_evidence(), 100, 0, 0
local space, smc = local_level "last", rep.smc(200, T, rep.resample("systematic", { ess = 0.5 }))
for seed = 1, runs do
  local ratio = math.exp(rep.log_evidence(rep.run(smc, space, seed, data)) - exact)
  sum, squares = sum + ratio, squares + ratio * ratio
end
local mean = sum / runs
local sd = math.sqrt((squares / runs - mean * mean) / runs)
assert(sd < 0.1 and math.abs(mean - 1) <= 4 * sd, ("the evidence is %g of the filter's, standard error %g"):format(mean, sd))

-- ---- the density of transitions ------------------------------------------------------------------------------------------

local before, after = core.array { 0.1, -2.0, 0.7 }, core.array { 0.4, -1.0, 0.6 }
local lp = space:transition_logdensity(2, before, after, data)
for i = 1, 3 do same("transition", lp[i], dist.normal(before[i], 0.5):logdensity(after[i])) end
local pairs_of = core.array { { 0.1, 0.2 }, { 1, -1 } }
local lp2 = vectors:transition_logdensity(3, pairs_of, pairs_of, data)
for i = 1, 2 do
  local law = dist.normal(borel.matmul(A, pairs_of[i]), core.array { 0.3, 0.4 })
  same("transition of vectors", lp2[i], core.sum(law:logdensity(pairs_of[i])))
end
fails("must be a whole number from 2", space.transition_logdensity, space, 1, before, after, data)

-- ---- what is kept ----------------------------------------------------------------------------------------------------------

-- Where a program holds the last state only, the lineages of the others go.
local population = rep.run(rep.smc(20, T, rep.resample(systematic)), rep.batched(local_level("last"):model()), 3, data)
collectgarbage()
collectgarbage()
local lineage = population.units.lineage:child(core.range(1, 20))
assert(lineage:depth() <= 3, ("%d lineages are kept"):format(lineage:depth()))
same("values", population.units:values()[4], population.units[4].value)

-- ---- errors ----------------------------------------------------------------------------------------------------------------

local function batched(fn) return rep.run(rep.importance(4), rep.batched(borel.model(fn)), 1) end
local x = function() return sample("x", dist.normal(0, 1)) end
-- From where the code of the model does not tell what is drawn.
local hidden = { x = x, one = function() return sample("one", dist.bernoulli(1)) end }
fails("borel.where(mask, a, b)", batched, function() return hidden.x() < 0 end)
fails("rep.batched(model)", batched, function() return hidden.x():totable() end)
fails("borel.exp(x)", batched, function() return math.exp(hidden.x()) end)
fails("borel.where(mask, a, b)", batched, function() return "x = " .. hidden.x() end)
fails("behind factor 1 the first particle", batched, function()
  if hidden.one() == 1 then factor(1) else factor(2) end
end)
fails("where it runs once for all particles", rep.batched, borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  if z == 1 then factor(1) end
end))
fails("the log-weight is NaN, of particle", batched, function() factor(borel.log(-1 - borel.abs(hidden.x()))) end)
fails("already made", batched, function() return hidden.x() + hidden.x() end)
fails("no traces that could move", rep.run, rep.trace_mh(1), rep.batched(P1), 1)
fails("one particle at a time", batched, function() return rep.inside("inner", rep.importance(2), P1) end)
local twice = rep.pipeline { rep.spawn(3), rep.advance() }
local stopped = rep.run(twice, rep.batched(P5:model()), 1)
local world = require("borel.rep.world").drawing(1)
rep.finish().apply(stopped, world)
fails("goes on once", rep.finish().apply, stopped, world)
fails("must return a distribution", rep.run, rep.importance(2), borel.state_space {
  init = function() return 0 end, transition = function() end, observe = function() return 0 end, steps = 2 }, 1)
fails("they do not sample", rep.run, rep.importance(2), borel.state_space {
  init = x, transition = x, observe = function() return 0 end, steps = 2 }, 1)
fails("'steps'", borel.state_space, { init = x, transition = x, observe = x, steps = "3", stesp = 3 })
