-- SPDX-License-Identifier: MIT
--- `borel explain`: a model at one point, term by term; what it costs; what would be done with it.
local concrete = require "borel.concrete"
local core = require "borel.core"
local fit = require "borel.fit"
local handler = require "borel.handler"
local tracer = require "borel.tracer"

local explain = {}

local MOST_TERMS = 25

-- The last draw of the first chain of a run.
local function point_of_run(directory, about)
  local manifest = fit.manifest(directory)
  if manifest.method then
    error(("%s: a run of %s, which has no point of the compiled model"):format(directory, manifest.kernel.name), 0)
  end
  if manifest.D ~= about.D or manifest.K ~= about.K then
    error(("%s: this run has %s continuous and %s discrete unknowns, the model %d and %d"):format(directory, tostring(manifest.D),
      tostring(manifest.K), about.D, about.K), 0)
  end
  local log = core.read_log(directory .. "/chain-1.log")
  if log.draws == 0 then error(directory .. ": chain 1 has no draws yet", 0) end
  return about.D > 0 and log.u[log.draws]:totable() or {}, about.K > 0 and log.z[log.draws]:totable() or {}
end

local function point_of_prior(model, data, seed)
  local h = concrete.scorer(seed, 1)
  handler.with(h, model.fn, data)
  return h.u, h.kept
end

local function norm(x)
  local sum = 0
  for _, value in ipairs(x) do sum = sum + value * value end
  return math.sqrt(sum)
end

-- The most important terms: those that are not finite, then by size.
local function order_of(values)
  local order = {}
  for i = 1, #values do order[i] = i end
  local function weight(i) return values[i] - values[i] ~= 0 and math.huge or math.abs(values[i]) end
  table.sort(order, function(a, b)
    local x, y = weight(a), weight(b)
    if x ~= y then return x > y end
    return a < b
  end)
  return order
end

-- Into how many groups the discrete unknowns fall that gibbs can draw at once, as they are independent given the rest; nil
-- where the model offers no conditional laws.
local function groups_of(target, u, z)
  local groups, k = 0, 1
  while k <= #z do
    local rows = target:conditional(u, z, k)
    if not rows then return nil end
    groups, k = groups + 1, k + #rows
  end
  return groups
end

--- Explains a traced model: a table for --json and for explain.text. `kernel` and `why` are what borel.infer would take.
function explain.model(model, traced, data, where)
  local target = traced.target
  local about = target:describe()
  local u, z
  if where.at then
    u, z = point_of_run(where.at, about)
  else
    u, z = point_of_prior(model, data, where.seed or 1)
  end
  local values, labels = target:terms(u, z), target:labels()
  local logdensity, gradient = target:evaluate(u, z)
  local report = {
    point = where.at and "the last draw of chain 1 of " .. where.at or ("drawn from the priors, seed %d"):format(where.seed or 1),
    logdensity = logdensity, gradient_norm = norm(gradient), terms = core.json_list {}, term_count = #values,
    nodes = about.nodes, statements = about.statements, groups = about.groups, text_bytes = #about.text, rerolled = about.rerolled,
    squares = about.squares, squares_left = about.squares_left, hmms = about.hmms, log_products = about.log_products,
    shared = about.shared, sites = about.site_count, inputs = about.inputs,
    engine = about.engine, compiled = about.compiled, build_seconds = traced.seconds, kernel = where.kernel, why = where.why,
  }
  report.summed, report.redrawn = tracer.summed_text(traced.summed), #tracer.kept(traced.summed)
  report.density_seconds, report.gradient_seconds = target:time(u, z)
  report.discrete, report.discrete_groups = #z, groups_of(target, u, z)
  for k, i in ipairs(order_of(values)) do
    if k > MOST_TERMS then break end
    local slope, seconds = target:term_report(i, u, z)
    report.terms[k] = { label = labels[i], logdensity = values[i], gradient_norm = slope, seconds = seconds }
  end
  return report
end

local function time(seconds)
  if seconds < 1e-6 then return ("%.0f ns"):format(1e9 * seconds) end
  if seconds < 1e-3 then return ("%.2f us"):format(1e6 * seconds) end
  return ("%.2f ms"):format(1e3 * seconds)
end

--- The report on one screen.
function explain.text(report)
  local lines, width = {}, 4
  local function line(...) lines[#lines + 1] = (...):format(select(2, ...)) end
  for _, term in ipairs(report.terms) do width = math.max(width, #term.label) end
  width = math.min(width, 60)
  line("point    %s", report.point)
  line("density  log-density %.8g, |gradient| %.4g", report.logdensity, report.gradient_norm)
  line("time     %s a density, %s with gradient; terms alone, by the interpreter, below", time(report.density_seconds),
    time(report.gradient_seconds))
  line("  %-" .. width .. "s  %14s  %12s  %10s", "term", "log-density", "|gradient|", "time")
  for _, term in ipairs(report.terms) do
    line("  %-" .. width .. "s  %14.8g  %12.4g  %10s%s", term.label, term.logdensity, term.gradient_norm, time(term.seconds),
      term.logdensity - term.logdensity ~= 0 and "  not finite" or "")
  end
  if report.term_count > #report.terms then line("  and %d smaller terms", report.term_count - #report.terms) end
  line("rewrites %s; %s; %d operations met again and computed once", report.rerolled > 0
    and ("%d terms of loops re-rolled into arrays"):format(report.rerolled) or "no loop was re-rolled", report.inputs < report.sites
    and ("%d sites read from %d inputs"):format(report.sites, report.inputs) or "each site an input of its own", report.shared)
  if report.squares > 0 then
    line("         %d squared rows of data are %d, by QR (not with sufficient = false)", report.squares, report.squares_left)
  end
  if report.hmms > 0 then
    line("         %d recursions over hidden states run with scaled probabilities (not with sufficient = false)", report.hmms)
  end
  if report.log_products > 0 then
    line("         %d sums of logarithms are logarithms of products (not with sufficient = false)", report.log_products)
  end
  if report.summed then
    line("labels   summed out: %s", report.summed)
    line("         %s", report.redrawn > 0 and "each draw of a run has a draw of them, given the other unknowns (not with keep = false)"
      or "a run keeps no draws of them")
  end
  if report.discrete > 0 then
    line("labels   %d discrete unknowns are drawn %s", report.discrete, report.discrete_groups
      and ("in %d group%s"):format(report.discrete_groups, report.discrete_groups > 1 and "s" or "")
      or "by whole log-densities")
  end
  line("size     %d nodes in the graph, %d statements in %d loops and straight lines, %d bytes of C", report.nodes,
    report.statements, report.groups, report.text_bytes)
  line("engine   %s", report.engine)
  line("built    in %.2f s, %s", report.build_seconds, report.compiled and "with a run of the compiler" or "without running the compiler")
  line("kernel   %s: %s", report.kernel, report.why)
  return table.concat(lines, "\n")
end

return explain
