-- SPDX-License-Identifier: MIT
--- Predictive accuracy of fits: pointwise log-likelihood, PSIS-LOO, WAIC, comparison.
--   Vehtari, Gelman, Gabry (2017), "Practical Bayesian model evaluation using leave-one-out cross-validation and
--   WAIC", Statistics and Computing 27; the smoothing: runtime/diagnose/psis.c.
local core = require "borel.core"
local fit = require "borel.fit"
local options = require "borel.options"
local shapes = require "borel.shape"
local simulate = require "borel.simulate"
local sites = require "borel.sites"

local accuracy = {}

-- ---- log-likelihood -------------------------------------------------------------------------------------------

-- A handler that traces a model with its sites at the values of a draw: on their own scale, without densities.
local Reader = { traces = true }
Reader.__index = Reader

-- `unknowns`: the sites that the run moved; others that are marked so are summed out here, too.
local function new_reader(graph, columns, unknowns)
  return setmetatable({ graph = graph, columns = columns, unknowns = unknowns, sites = sites.new(), inputs = {}, observed = {}, names = {},
    factors = {}, summed = {}, others = {} }, Reader)
end

function Reader:sample(address, dist, marginalize)
  self.sites:add(address)
  local column, shape = self.columns[address], dist:shape()
  if marginalize and not self.unknowns[address] then
    local x, support = self.graph:input(shape, "i64"), dist:support()
    local prior = core.sum(dist:inside(x))
    self.summed[#self.summed + 1] = { name = address, x = x, lowest = support.lowest, count = support.count, prior = prior,
      size = shapes.size(shape) }
    self.others[#self.others + 1] = prior
    return x
  end
  if not column then
    core.error(("fit:log_likelihood: the fit has no draws of site '%s': is this the model that it was made with?"):format(address))
  end
  if not shapes.equal(column.shape, shape) then
    core.error(("fit:log_likelihood: site '%s' has shape %s with these data, the fit has draws of shape %s"):format(address,
      shapes.text(shape), shapes.text(column.shape)))
  end
  local x = self.graph:input(shape, dist:support().discrete and "i64" or "f64")
  self.inputs[#self.inputs + 1] = { x, column.offset + 1 }
  if self.summed[1] then self.others[#self.others + 1] = dist:inside(x) end
  return x
end

-- Is a site that is summed out in a density that is no observation's, but for its own?
function Reader:is_tied(site)
  for _, other in ipairs(self.others) do
    if not rawequal(other, site.prior) and core.depends(other, site.x) then return true end
  end
  return false
end

-- The lists of log-likelihoods and the places in them that depend on a site.
function Reader:observations_of(site)
  local found = {}
  for _, name in ipairs(self.names) do
    for i, lp in ipairs(self.observed[name]) do
      if core.depends(lp, site.x) then found[#found + 1] = { list = self.observed[name], i = i } end
    end
  end
  return found
end

-- Sums sites out of the log-likelihoods: each element of a site belongs to one observation, which no other shares.
function Reader:sum_out()
  for _, site in ipairs(self.summed) do
    local found = self:observations_of(site)
    local one, tied = found[1], self:is_tied(site)
    if one and not tied and #found == 1 and shapes.size(shapes.of(one.list[one.i])) == site.size then
      one.list[one.i] = core.sum_out_each(site.prior + core.sum(one.list[one.i]), site.x, site.lowest, site.count)
      tied = one.list[one.i] == nil
    elseif one then
      tied = true
    end
    if one and tied then
      core.error(("fit:log_likelihood: site '%s' is summed out and ties observations to each other or to other unknowns, so that "
        .. "one alone has no log-likelihood; let borel.factor(name, log_weights, { likelihood = true }) say what is left out"):format(
        site.name))
    end
  end
end

-- Notes the log-likelihoods of the elements of an observation; those of a loop are one.
function Reader:note(name, lp)
  local list = self.observed[name]
  if not list then
    list = {}
    self.observed[name], self.names[#self.names + 1] = list, name
  end
  local size = shapes.size(shapes.of(lp))
  list[#list + 1] = size > 1 and lp:reshape { size } or #shapes.of(lp) > 0 and lp:reshape {} or lp
end

function Reader:observe(address, dist, value, fixed)
  local label, seen = self.sites:observed(address, dist, value)
  if fixed then -- an unknown that borel.condition has set is no observation
    if self.summed[1] then self.others[#self.others + 1] = dist:logdensity(seen) end
    return seen
  end
  self:note(address and (simulate.base(address) or address) or label:gsub(", visit %d+$", ""), dist:logdensity(seen))
  return seen
end

function Reader:factor(address, log_weight, likelihood)
  local label = self.sites:factor(address)
  if likelihood then
    self:note(simulate.base(address) or address, log_weight)
  else
    self.factors[#self.factors + 1], self.others[#self.others + 1] = label, log_weight
  end
end

function Reader:deterministic(name) self.sites:add(name, "deterministic value") end

local known_data = { data = {} }

-- { names =, [name] = array [chains, draws, elements], factors = labels }
local function read(self, what, m, given)
  local opts
  m, opts = fit.subject(self, what, m, given, known_data)
  local graph, h, arrays = core.trace_begin(), nil, nil
  local ok, message = pcall(function()
    h = new_reader(graph, self.columns, fit.set_of(self.manifest.sites))
    m:run(h, opts.data)
    if #h.names == 0 then core.error(what .. ": the model observes nothing") end
    h:sum_out()
    local outputs = {}
    for i, name in ipairs(h.names) do outputs[i] = core.stack(h.observed[name]) end
    arrays = core.evaluate(graph, h.inputs, outputs, self.value_logs)
  end)
  core.trace_end(graph)
  if not ok then error(message, 0) end
  local result = { names = h.names, factors = h.factors, values = {} }
  for i, name in ipairs(h.names) do result.values[name] = arrays[i] end
  return result
end

--- fit:log_likelihood([model,] {data =}): log p(y_i | theta) of every observation at every draw: a table from the name
-- of an observed site to an array [chains, draws, elements]. The elements of a loop ({"y", t}) are one site y; a value
-- that is a vector or matrix of its law is one element. Observations without a name go by their line. A factor with
-- likelihood = true is an observed site, too.
function fit.methods:log_likelihood(m, given) return read(self, "fit:log_likelihood", m, given).values end

-- ---- LOO and WAIC --------------------------------------------------------------------------------------------------

local Accuracy = {}
Accuracy.__index = Accuracy

local function sum_and_se(list)
  local n, total, squares = #list, 0, 0
  for _, x in ipairs(list) do total = total + x end
  for _, x in ipairs(list) do squares = squares + (x - total / n) ^ 2 end
  return total, n > 1 and math.sqrt(n * squares / (n - 1)) or 0 / 0
end

local function append(list, array) table.move(array:totable(), 1, array.size, #list + 1, list) end

local known = { data = {}, sites = {} }

local function estimate(self, kind, m, given)
  local what = "fit:" .. kind
  local opts
  m, opts = fit.subject(self, what, m, given, known)
  local found = read(self, what, m, { data = opts.data })
  local wanted, result = simulate.wanted(what, opts.sites), setmetatable({ kind = kind, factors = found.factors, elements = {} }, Accuracy)
  local elpd, p, k, r_eff = {}, {}, {}, {}
  for name in pairs(wanted or {}) do
    if not found.values[name] then options.unknown(what .. ": the model observes no", name, found.values) end
  end
  for _, name in ipairs(found.names) do
    if not wanted or wanted[name] then
      local array = found.values[name]
      local parts = table.pack(core.pointwise(kind, array))
      append(elpd, parts[1])
      append(p, parts[2])
      append(k, parts[3])
      append(r_eff, parts[4])
      for i = 1, array.shape[3] do
        result.elements[#result.elements + 1] = array.shape[3] == 1 and name or ("%s[%d]"):format(name, i)
      end
    end
  end
  result.count, result.draws = #elpd, self.chain_count * self.draw_count
  result.elpd_i, result.p_i = core.array(elpd), core.array(p)
  result.elpd, result.se = sum_and_se(elpd)
  result.p = core.sum(result.p_i)
  result.problems = {}
  if kind == "loo" then
    result.k, result.r_eff, result.k_limit = core.array(k), core.array(r_eff), core.pareto_limit(result.draws)
    for i, value in ipairs(k) do
      if value > result.k_limit or value ~= value then result.problems[#result.problems + 1] = result.elements[i] end
    end
  else
    for i, value in ipairs(p) do
      if value > 0.4 or value ~= value then result.problems[#result.problems + 1] = result.elements[i] end
    end
  end
  result.reliable = #result.problems == 0
  return result
end

--- fit:loo([model,] {data =, sites =}): leave-one-out cross-validation by Pareto-smoothed importance sampling: each element
-- of an observed site is left out in turn. Fields: elpd (expected log predictive density), se, p (effective number of
-- parameters), elpd_i, p_i, k (Pareto shape), r_eff: one for each element; elements (their names), k_limit, problems
-- (elements whose k is above it), reliable. Factors count if they say likelihood = true. sites: names of observed sites, default all.
function fit.methods:loo(m, given) return estimate(self, "loo", m, given) end

--- fit:waic([model,] {data =, sites =}): the widely applicable information criterion on the scale of elpd; fields as those
-- of fit:loo without k; problems: elements with p above 0.4, where LOO is to be preferred.
function fit.methods:waic(m, given) return estimate(self, "waic", m, given) end

local function some(names)
  local text = table.concat(names, ", ", 1, math.min(3, #names))
  return #names > 3 and ("%s and %d more"):format(text, #names - 3) or text
end

--- The estimate as text.
function Accuracy:summary()
  local lines = {
    ("%s of %d observations from %d draws"):format(self.kind == "loo" and "PSIS-LOO" or "WAIC", self.count, self.draws),
    ("elpd %.2f  se %.2f  p %.2f"):format(self.elpd, self.se, self.p),
  }
  if self.elpd ~= self.elpd then
    lines[2] = "elpd is not defined: some observation has no finite log-likelihood at some draw"
  end
  if #self.problems > 0 then
    lines[#lines + 1] = (self.kind == "loo" and "unreliable, k above %.2f: %s" or "unreliable, p above %.1f: %s"):format(
      self.k_limit or 0.4, some(self.problems))
  elseif self.kind == "loo" then
    lines[#lines + 1] = ("reliable: no k above %.2f"):format(self.k_limit)
  end
  if #self.factors > 0 then lines[#lines + 1] = "not counted: " .. some(self.factors) end
  return table.concat(lines, "\n")
end

-- ---- comparison ------------------------------------------------------------------------------------------------------

local Comparison = {}
Comparison.__index = Comparison

--- borel.compare{ name = fit, ... }: models of the same data by PSIS-LOO, the best first. Values are fits, or what
-- fit:loo() or fit:waic() returned. rows: name, elpd, se, p, difference (elpd - that of the best), se_difference (of
-- the pointwise differences), reliable, accuracy. A difference of less than 4, or of few se_difference, says little.
function accuracy.compare(given)
  if type(given) ~= "table" or getmetatable(given) ~= nil then core.error("borel.compare: needs a table { name = fit, ... }") end
  local rows, kind, count = {}, nil, nil
  for name, value in pairs(given) do
    if type(value) ~= "table" or not (getmetatable(value) == Accuracy or value.loo) then
      core.error(("borel.compare: '%s' is no fit and no result of fit:loo() or fit:waic()"):format(tostring(name)))
    end
    local one = getmetatable(value) == Accuracy and value or value:loo()
    kind, count = kind or one.kind, count or one.count
    if kind ~= one.kind then core.error("borel.compare: LOO and WAIC cannot be compared with each other") end
    if count ~= one.count then
      core.error(("borel.compare: the models have %d and %d observations: they must be of the same data"):format(count, one.count))
    end
    rows[#rows + 1] = { name = tostring(name), elpd = one.elpd, se = one.se, p = one.p, reliable = one.reliable, accuracy = one }
  end
  if #rows < 2 then core.error("borel.compare: needs at least two fits") end
  table.sort(rows, function(a, b) return a.elpd > b.elpd or a.elpd == b.elpd and a.name < b.name end)
  for _, row in ipairs(rows) do
    row.difference, row.se_difference = sum_and_se((row.accuracy.elpd_i - rows[1].accuracy.elpd_i):totable())
  end
  return setmetatable({ rows = rows, kind = kind }, Comparison)
end

--- The comparison as a table of text.
function Comparison:summary()
  local width = 5
  for _, row in ipairs(self.rows) do width = math.max(width, utf8.len(row.name) or #row.name) end
  local function padded(name) return name .. (" "):rep(width - (utf8.len(name) or #name)) end
  local lines = { ("%s  %10s  %8s  %10s  %10s  %8s"):format(padded "model", "elpd", "se", "difference", "se of it", "p") }
  for _, row in ipairs(self.rows) do
    local accuracy_of = row.accuracy
    local verdict = row.reliable and "" or ("  unreliable for %d of %d elements"):format(#accuracy_of.problems, accuracy_of.count)
    lines[#lines + 1] = ("%s  %10.2f  %8.2f  %10.2f  %10.2f  %8.2f%s"):format(padded(row.name), row.elpd, row.se, row.difference,
      row.se_difference, row.p, verdict)
  end
  return table.concat(lines, "\n")
end

Accuracy.__tostring, Comparison.__tostring = Accuracy.summary, Comparison.summary -- print(fit:loo())

return accuracy
