-- SPDX-License-Identifier: MIT
-- Involutions in C do what the same ones in Lua do: entry by entry of a transition matrix on a finite program, with the same
-- log-ratio on continuous ones; and what of them is refused, in which words.
local core = require "borel.core"
local P = require("borel.rep.suite.programs").programs
local pairs_agree = require "borel.rep.suite.pairs"
local moves = require "borel.rep.suite.moves"
local shapes = require "borel.shape"
local unit = require "borel.rep.unit"
local rep = borel.rep
local dist, sample, observe = borel.dist, borel.sample, borel.observe

local plugins = os.getenv "BOREL_BUILD_DIR" .. "/tests/plugins/"
core.load(plugins .. "involution.so")

local function fails(text, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error: " .. text)
  assert(tostring(message):find(text), ("expected '%s' in: %s"):format(text, tostring(message)))
end

-- ---- a finite program: exact --------------------------------------------------------------------------------------------

local function other_branch(t)
  if t.b == 1 then
    sample("d", dist.bernoulli(0.3))
    sample("e", dist.bernoulli(0.8))
  else
    sample("c", dist.categorical { 0.5, 0.2, 0.3 })
  end
end
local branch = rep.involutive { auxiliary = other_branch, involution = borel.involution "branch" }
local in_c, in_lua = rep.matrix(branch, P.P3.model), rep.matrix(moves.finite.P3, P.P3.model)
local entries = 0
for from in pairs(P.P3.measure) do
  for to in pairs(P.P3.measure) do
    assert(in_c:between(from, to) == in_lua:between(from, to), from .. " to " .. to)
    if in_c:between(from, to) > 0 and from ~= to then entries = entries + 1 end
  end
end
assert(entries == 24, entries) -- 3 outcomes of the left branch, 4 of the right one, there and back
local report = in_c:report()
assert(report.rows <= 1e-12 and report.stationary <= 1e-12 and report.reversible <= 1e-12)
local measure, total = rep.enumerate(rep.trace_mh(2, branch), P.P3.model)
assert(math.abs(total - P.P3.total) <= 1e-12 * P.P3.total)
for key, mass in pairs(P.P3.measure) do assert(math.abs(measure[key] - mass) <= 1e-12 * P.P3.total, key) end

-- ---- continuous programs: the same ratio at the same inputs ---------------------------------------------------------------

-- What a block proposes from a run of the model, and its log-ratio.
local function proposal(block, model, seed, ...)
  local w, note = pairs_agree.noting(seed)
  local u = rep.run(rep.finish(), model, seed, ...).units[1]
  local y = block.apply({ units = { u }, log_weights = { 0 }, level = math.huge }, w).units[1]
  local values, choices = {}, unit.choices(y)
  for n, address in ipairs(choices.address) do values[address] = choices.value[n] end
  return note.log_ratio, values
end

-- Both propose the same, to `tolerance`, at each of `count` runs.
local function same(what, a, b, tolerance, count, model, ...)
  local proposed = 0
  for seed = 1, count do
    local ratio, values = proposal(a, model, seed, ...)
    local other, others = proposal(b, model, seed, ...)
    assert((ratio == nil) == (other == nil), what .. ": one stays")
    if ratio then
      proposed = proposed + 1
      assert(math.abs(ratio - other) <= tolerance * math.max(1, math.abs(ratio)), ("%s: %.17g and %.17g"):format(what, ratio, other))
    end
    for address, value in pairs(values) do
      local x, y = shapes.flat(value), shapes.flat(others[address])
      for i = 1, #x do assert(math.abs(x[i] - y[i]) <= 1e-13 * math.max(1, math.abs(x[i])), ("%s: %s"):format(what, address)) end
    end
  end
  assert(proposed >= 0.9 * count, what)
end

-- Rounding: log-Jacobians of logarithms and powers by two formulas, sums of some ten terms.
local folder = debug.getinfo(1, "S").source:match "^@(.*/)" .. "../../examples/jumps/"
package.path = folder .. "?.lua;" .. package.path
local jumps = dofile(folder .. "change_points.lua")
local counts = { 4, 5, 4, 1, 0, 4, 3, 0, 0, 1, 0, 0, 1, 0 }
local birth_or_death = jumps.in_c(plugins .. "birth_or_death.so", #counts - 1)
same("birth or death", jumps.kernels[1], birth_or_death, 1e-12, 300, jumps.model, counts)

-- The chains of the two are one.
local function chain(block)
  return rep.chain(rep.pipeline { block, jumps.kernels[3] }, jumps.model, { draws = 500, seed = 3, each = function(_, u)
    return unit.choices(u).value[2]
  end }, counts)
end
local chain_c, what_c = chain(birth_or_death)
local chain_lua, what_lua = chain(jumps.kernels[1])
for key, count in pairs(what_lua) do assert(what_c[key] == count, key) end
for i, value in ipairs(chain_lua) do assert(math.abs(value - chain_c[i]) <= 1e-10 * value, i) end

-- Without a stated log-Jacobian: differences, which are right to their own estimate of their error, below 1e-9 here.
local split_model = moves.continuous["split and merge"].model
local function ratio_of(t)
  if t.two == 0 then sample("v", dist.normal(t.a / 2, 1)) end
end
local split = rep.involutive { auxiliary = ratio_of, involution = borel.involution "split" }
same("split", moves.continuous["split and merge"].block, split, 1e-9, 200, split_model)
local stated = rep.involutive { auxiliary = ratio_of, involution = borel.involution "wrong-involution", check = "full" }
same("split, stated", moves.continuous["split and merge"].block, stated, 1e-12, 200, split_model)

-- ---- what is refused ------------------------------------------------------------------------------------------------------

local function one(fault, check)
  local block = rep.involutive { auxiliary = ratio_of, check = check,
    involution = borel.involution("wrong-involution", { fault = fault }) }
  return function() rep.chain(block, split_model, { draws = 20 }) end
end
one("none", "full")()
one("never")()
fails("stated log%-Jacobian is 1.386", one("jacobian", "full"))
fails("applied twice, the involution makes", one "shift")
fails("makes %-?nan of 'b'; return BOREL_REJECT where it does not apply", one "nan")
fails("makes 0.5 of 'two', which is declared as whole", one "fraction")
fails("does not apply to what it made", one "no_way_back")
local function with(what)
  what.involution = what.involution or borel.involution "split"
  return function() rep.chain(rep.involutive(what), split_model, { draws = 20 }) end
end
fails("on no side of 'split': side 0 is two, a with the auxiliary v; side 1 is two, a, b with the auxiliary nothing", with {})
fails("on no side.*side 0 is two, a with the auxiliary w", with { auxiliary = ratio_of, names = function() return { v = "w" } end })
fails("names must return a table", with { auxiliary = ratio_of, names = function() return 3 end })
with { auxiliary = ratio_of, names = function() end }() -- nil: to stay
fails("the plugin states its log%-Jacobian itself", with { log_jacobian = function() return 0 end })
fails("'names' are for the involution of a plugin", with { involution = function() end, names = function() end })
fails("'involution' must be a function", with { involution = 3 })
fails("did you mean split", borel.involution, "splid")
fails("needs the name of an involution", borel.involution, 3)
local whole = borel.model(function()
  local two = sample("two", dist.bernoulli(0.4))
  sample("a", dist.poisson(3))
  if two == 1 then sample("b", dist.gamma(2, 1)) end
end)
fails("'a' is discrete, 'split' declares it as continuous", function()
  rep.chain(rep.involutive { auxiliary = function(t)
    if t.two == 0 then sample("v", dist.discrete_uniform(0, 0)) end
  end, check = false, involution = borel.involution "split" }, whole, { draws = 20 })
end)
local wide = borel.model(function()
  local two = sample("two", dist.bernoulli(0.4))
  sample("a", dist.normal(0, 1):iid(2))
  if two == 1 then sample("b", dist.gamma(2, 1)) end
end)
fails("'a' has 2 numbers, 'split' declares 1", function()
  rep.chain(rep.involutive { auxiliary = function(t)
    if t.two == 0 then sample("v", dist.normal(0, 1)) end
  end, involution = borel.involution "split" }, wide, { draws = 20 })
end)
local ends = borel.model(function()
  local two = sample("two", dist.bernoulli(0.4))
  sample("a", dist.normal(0, 1))
  if two == 0 then sample("more", dist.normal(0, 1)) end
  if two == 1 then sample("b", dist.gamma(2, 1)) end
  observe(dist.normal(0, 1), 0)
end)
fails("the continuous site 'more' ends, but 'split' does not declare it", function()
  rep.chain(rep.involutive { auxiliary = function(t)
    if t.two == 0 then sample("v", dist.normal(0, 1)) end
  end, check = false, involution = borel.involution "split" }, ends, { draws = 40 })
end)
