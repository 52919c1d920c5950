-- SPDX-License-Identifier: MIT
--- Models: a Lua function and what can be done with it - trace it into a graph, check the trace against the
-- function, enumerate it.
local concrete = require "borel.concrete"
local core = require "borel.core"
local handler = require "borel.handler"
local layers = require "borel.layers"
local lint = require "borel.lint"
local options = require "borel.options"
local tracer = require "borel.tracer"

local Model = { is_model = true }
Model.__index = Model

local model = {}

--- borel.model(fn [, { dynamic = false }]): fn(data) calls sample, observe, factor, deterministic. dynamic = true: which
-- sites there are may depend on what is drawn; then the function is not traced, and borel.infer runs it as it is written.
function model.new(fn, given)
  if type(fn) ~= "function" then core.error("borel.model needs a function, got a " .. type(fn)) end
  local opts = options.check("borel.model", given, { dynamic = { type = "boolean", default = false } })
  return setmetatable({ fn = fn, layers = {}, line = core.position(), dynamic = opts.dynamic }, Model)
end

-- The same model under one more layer.
local function changed(what, kind, m, values)
  model.need(what, m)
  local list = { table.unpack(m.layers) }
  list[#list + 1] = layers.new(kind, values)
  return setmetatable({ fn = m.fn, layers = list, line = m.line, dynamic = m.dynamic }, Model)
end

--- borel.condition(model, {site = value}): the model with these unknowns observed: each keeps its density. A site
-- of a loop or of a call has its full name: ["theta[3]"], ["arm.mu"].
function model.condition(m, values) return changed("borel.condition", "condition", m, values) end

--- borel.intervene(model, {site = value}): the model in which these sites are set and no longer drawn: they have
-- no density, and what they depended on is not informed (the do-operator of Pearl).
function model.intervene(m, values) return changed("borel.intervene", "intervene", m, values) end

--- Runs the model under a handler; returns what its function returns.
function Model:run(h, ...) return handler.with(layers.over(self.layers, h, ""), self.fn, ...) end

--- borel.call(name, model, ...): runs another model inside this one, the names of its sites after "name.";
-- returns what its function returns. name may be {text, index}.
function model.call(name, m, ...)
  local h = handler.need "borel.call"
  model.need("borel.call", m)
  local results = table.pack(handler.call(name, function(inner, prefix) return layers.over(m.layers, inner, prefix) end, m.fn, ...))
  if h.traces then layers.check(m.layers) end
  return table.unpack(results, 1, results.n)
end
lint.runs[model.call] = { fn = 2, first = 3 }

function model.need(what, value)
  if type(value) ~= "table" or not value.is_model then core.error(what .. " needs a model made by borel.model, got a " .. type(value)) end
end

local CHECK_POINTS, CHECK_TOLERANCE = 3, 1e-9

--- Traces the model on its data: { target = compiled model, names = sites, summed = sites that are summed out ({ name =,
-- count =, size = }), constants = { site = elements that its support declares constant, as Dist:constant_elements gives
-- them } }. Without `sufficient` (default true) sums of squares stay loops over data. `whole`: no site is summed out.
function Model:trace(data, engine, sufficient, whole)
  local findings = lint.check(self.fn)
  if findings[1] then error(findings[1].text, 0) end
  local graph = core.trace_begin()
  local h
  local ok, message = pcall(function()
    h = tracer.new(graph, whole)
    self:run(h, data)
    h:finish()
  end)
  core.trace_end(graph)
  if not ok then error(message, 0) end
  layers.check(self.layers)
  if #h.names == 0 and self.layers[1] then error(layers.nothing_left(self.layers), 0) end
  local start = core.clock()
  h.target:build(engine or "auto", sufficient)
  return { target = h.target, names = h.names, summed = h.summed, constants = h.constants, seconds = core.clock() - start }
end

local function agree(a, b, scale)
  if a ~= a or b ~= b then return a ~= a and b ~= b end
  if a - a ~= 0 or b - b ~= 0 then return a == b end
  return math.abs(a - b) <= CHECK_TOLERANCE * scale
end

local HINT = " (does the model branch on a drawn value, as in `if x > 0` or `x == 1`? use borel.where and x:eq(1))"

-- How far rounding alone may take each term: what the graph's terms do when the unknowns change in their last bits.
-- A solution with a nearly singular matrix, as a smooth Gaussian process has, loses most of its digits; a term that is
-- computed otherwise (a branch, an upvalue) is no nearer to the plain one for that.
local NUDGES, ROUNDINGS = 4, 64
local function rounding(traced, h, terms)
  local widest = {}
  for i = 1, #terms do widest[i] = 0 end
  for k = 1, NUDGES do
    local u = {}
    for i, x in ipairs(h.u) do u[i] = x * (1 + ((i * 7 + k * i * i + k) % 5 < 2 and -1 or 1) * 2.0 ^ -52) end
    for i, term in ipairs(traced.target:terms(u, h.z)) do
      local moved = math.abs(term - terms[i])
      if moved < math.huge then widest[i] = math.max(widest[i], moved) end -- to a point outside the support is no rounding
    end
  end
  return widest
end

-- The density that is sampled, after every rewrite and in its engine, against the sum of its terms.
local function compare_whole(traced, h, terms, scale)
  local sum = 0
  for _, term in ipairs(terms) do sum = sum + term end
  local whole = traced.target:evaluate(h.u, h.z)
  if sum - sum ~= 0 or agree(whole, sum, scale) then return end
  local moved = 0
  for _, part in ipairs(rounding(traced, h, terms)) do moved = moved + part end
  if math.abs(whole - sum) > ROUNDINGS * moved then
    error(("the compiled log-density is %.12g where its terms add up to %.12g: a defect of Borel; the options "
      .. "sufficient = false and engine = 'interpreter' of borel.infer may avoid it"):format(whole, sum), 0)
  end
end

-- Compares every term of one plain run with the graph's.
local function compare(traced, labels, h)
  for i = 1, math.max(#labels, #h.terms) do
    local have, want = labels[i], h.terms[i] and h.terms[i].label
    if have ~= want then
      error(("the traced model and the plain run differ: term %d is %s when traced, %s when run%s"):format(i,
        have or "absent", want or "absent", HINT), 0)
    end
  end
  local graph_terms, scale = traced.target:terms(h.u, h.z), 1e-300
  for _, term in ipairs(h.terms) do
    if term.value - term.value == 0 then scale = scale + math.abs(term.value) end
  end
  local widest
  for i, term in ipairs(h.terms) do
    local alike = agree(graph_terms[i], term.value, scale)
    if not alike then
      widest = widest or rounding(traced, h, graph_terms)
      alike = math.abs(graph_terms[i] - term.value) <= ROUNDINGS * widest[i]
    end
    if not alike then
      error(("%s: the traced model gives log-density %.12g, the plain run %.12g%s"):format(term.label, graph_terms[i],
        term.value, HINT), 0)
    end
  end
  compare_whole(traced, h, graph_terms, scale)
end

local MOST_SUMMED = 4096 -- combinations of values that the check of a sum takes the trouble to add up

local function log_sum_exp(list)
  local most, sum = math.max(table.unpack(list)), 0
  if most == -math.huge then return most end
  for _, x in ipairs(list) do sum = sum + math.exp(x - most) end
  return most + math.log(sum)
end

-- The log-density `whole` (a model with its discrete unknowns z) summed over those at `places`, { { k =, lowest =, count = }, ... },
-- by adding up all combinations; nil when they are too many.
local function added_up(whole, u, z, places)
  local combinations = 1
  for _, place in ipairs(places) do combinations = math.min(combinations * place.count, MOST_SUMMED + 1) end
  if combinations > MOST_SUMMED then return nil end
  local list, at = {}, table.move(z, 1, #z, 1, {})
  for c = 0, combinations - 1 do
    for _, place in ipairs(places) do
      at[place.k] = place.lowest + c % place.count
      c = c // place.count
    end
    list[#list + 1] = whole:evaluate(u, at)
  end
  return log_sum_exp(list)
end

-- The same from the conditional laws of the elements, where these are all independent of each other given u; nil elsewhere.
local function multiplied(whole, u, z, places)
  local rows = whole:conditional(u, z, places[1].k)
  if not rows or #rows ~= #places then return nil end
  local sum = whole:evaluate(u, z)
  for i, row in ipairs(rows) do sum = sum + log_sum_exp(row) - row[z[places[i].k] - places[i].lowest + 1] end
  return sum
end

-- The density that is summed over some sites against that of the model in which they are unknowns, at the point of h.
local function compare_summed(traced, whole, h)
  local summed, places, k = {}, {}, 0
  for _, site in ipairs(traced.summed) do summed[site.name] = true end
  for _, site in ipairs(whole:sites()) do
    for _ = 1, site.block == "z" and site.size or 0 do
      k = k + 1
      if summed[site.name] then places[#places + 1] = { k = k, lowest = site.lowest, count = site.count } end
    end
  end
  local want = added_up(whole, h.u, h.z, places) or multiplied(whole, h.u, h.z, places)
  local have, scale = traced.target:evaluate(h.u, h.kept), 1e-300
  for _, term in ipairs(h.terms) do
    if term.value - term.value == 0 then scale = scale + math.abs(term.value) end
  end
  if want and want == want and not agree(have, want, scale) then
    error(("the log-density with sites summed out is %.12g where adding up their values gives %.12g: a defect of Borel; without "
      .. "marginalize = true these sites are drawn"):format(have, want), 0)
  end
end

--- Runs the plain Lua function at a few points drawn from the priors - and, where there are discrete sites, at
-- points where each takes its values in turn - and compares every term with the graph's. What Lua hides from
-- tracing (`if x`, `z == 1` on a drawn value, a changed upvalue, math.random) shows here. Where sites are summed out,
-- the terms are those of the model in which they are not, and its density, summed over them, is compared with the traced
-- one. Returns warnings: the terms that were not a number somewhere.
function Model:check_trace(traced, data, seed)
  local whole = traced.summed[1] and self:trace(data, "interpreter", true, true) or traced
  local labels, odd, order = whole.target:labels(), {}, {}
  local points, discrete = CHECK_POINTS, false
  local point = 1
  while point <= points do
    local h = concrete.scorer(seed or 1, point, point > CHECK_POINTS and point - CHECK_POINTS - 1 or nil)
    self:run(h, data)
    compare(whole, labels, h)
    if whole ~= traced and point <= CHECK_POINTS then compare_summed(traced, whole.target, h) end
    for _, term in ipairs(h.terms) do
      if term.value ~= term.value then
        if not odd[term.label] then order[#order + 1] = term.label end
        odd[term.label] = (odd[term.label] or 0) + 1
      end
    end
    if h.discrete > 0 and not discrete then
      points, discrete = CHECK_POINTS + concrete.TURNS, true
    end
    point = point + 1
  end
  local warnings = {}
  for i, label in ipairs(order) do
    warnings[i] = ("%s is not a number at %d of %d points drawn from the priors: does a parameter leave its range, such as a "
      .. "negative scale? Such points are taken as impossible"):format(label, odd[label], points)
  end
  return warnings
end

--- Starting values by site, as coordinates: u [D] and z [K] (lists), NaN where none is given.
function Model:starts(data, given, seed)
  local h = concrete.starter(seed, given)
  self:run(h, data)
  for name in pairs(given) do
    if not h.used[name] then options.unknown("borel.infer: option 'init': the model has no unknown", name, h.values) end
  end
  return h.u, h.kept
end

--- borel.check(model, data): traces and checks without running; returns a description.
function model.check(m, data)
  model.need("borel.check", m)
  local traced = m:trace(data)
  local warnings = m:check_trace(traced, data)
  local about = traced.target:describe()
  return { sites = traced.names, summed = traced.summed, D = about.D, K = about.K, engine = about.engine, engine_id = about.engine_id,
    rerolled = about.rerolled, terms = traced.target:labels(), warnings = warnings }
end

local function key_of(value)
  if type(value) == "table" then
    local parts = {}
    for i, part in ipairs(value) do parts[i] = key_of(part) end
    return table.concat(parts, " ")
  end
  return tostring(value)
end

--- What a model returned as text, by which outcomes are told apart.
model.outcome = key_of

--- What model(...) may return, in no order: a list of { key =, value =, mass = }, masses unnormalised.
function model.outcomes(m, budget, ...)
  local choice, outcomes, by_key = core.enumerate(budget), {}, {}
  while choice:next() do
    local h = concrete.weigher(choice)
    local value = table.pack(m:run(h, ...))
    if value.n <= 1 then value = value[1] end
    local key = key_of(value)
    local outcome = by_key[key]
    if not outcome then
      outcome = { key = key, value = value, mass = 0, lost = 0 } -- compensated (Neumaier)
      by_key[key], outcomes[#outcomes + 1] = outcome, outcome
    end
    local mass, old = choice:probability() * math.exp(h.log_weight), outcome.mass
    local new = old + mass
    outcome.lost = outcome.lost + (math.abs(old) >= math.abs(mass) and (old - new) + mass or (mass - new) + old)
    outcome.mass = new
  end
  layers.check(m.layers)
  for _, outcome in ipairs(outcomes) do outcome.mass = outcome.mass + outcome.lost end
  return outcomes
end

--- borel.enumerate(model, data, {budget =}): the exact measure of what the model returns, for models whose
-- sites have finitely many values (at most `budget` = 100000 paths): a table from outcome ("1 0" for a returned
-- {1, 0}) to unnormalised mass, and the total mass.
function model.enumerate(m, data, given)
  model.need("borel.enumerate", m)
  local outcomes, measure, total = model.outcomes(m, given and given.budget or 100000, data), {}, 0
  table.sort(outcomes, function(a, b) return a.key < b.key end)
  for _, outcome in ipairs(outcomes) do
    measure[outcome.key], total = outcome.mass, total + outcome.mass
  end
  return measure, total
end

return model
