-- SPDX-License-Identifier: MIT
--- `borel check`: what can be known of a model before a draw. Gradients against finite differences, supports, the prior
-- predictive. (The comparison of the trace with the plain function is model.lua's.)
local concrete = require "borel.concrete"
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"

local examine = {}

local PRIOR_DRAWS, GRADIENT_POINTS, MOST_COORDINATES = 200, 2, 200
local WRONG = 1e-3 -- relative: solvers of equations follow their tolerance, and a wrong derivative is off by more
local LONGEST, LEAST_DRAWS = 5, 10 -- seconds after which no further prior draw is begun, once there are as many

-- ---- runs on plain numbers ------------------------------------------------------------------------------------------

-- A run that notes, for each site, its values and how far constrain(unconstrain(x)) is from x.
local function probe(model, data, seed, lane)
  local h = concrete.scorer(seed, lane)
  local notes = { sites = {}, likelihood = 0 }
  local plain = { sample = h.sample, observe = h.observe, factor = h.factor }
  local function likelihood(before)
    for i = before + 1, #h.terms do notes.likelihood = notes.likelihood + h.terms[i].value end
  end
  function h:sample(address, dist, marginalize)
    local x = plain.sample(self, address, dist, marginalize)
    local site = { name = address, law = dist.law.name, values = shapes.flat(x), round_trip = 0 }
    notes.sites[#notes.sites + 1] = site
    if not dist:support().discrete then
      local back = shapes.flat((dist:constrain(dist:unconstrain(x))))
      for i, value in ipairs(site.values) do
        local off = math.abs(back[i] - value) / (1 + math.abs(value))
        if off == off then site.round_trip = math.max(site.round_trip, off) end
      end
    end
    return x
  end
  function h:observe(...)
    local before = #self.terms
    local value = plain.observe(self, ...)
    likelihood(before)
    return value
  end
  function h:factor(...)
    local before = #self.terms
    plain.factor(self, ...)
    likelihood(before)
  end
  handler.with(h, model.fn, data)
  notes.u, notes.z, notes.terms = h.u, h.kept, h.terms
  return notes
end

local function finite(x) return x - x == 0 end

-- ---- gradient -------------------------------------------------------------------------------------------------------

-- The derivative along coordinate k by central differences at steps h and h / 2 (Richardson), and how far the two are
-- apart, which says how much of it can be believed.
local function difference(target, u, z, k)
  local function at(offset)
    local moved = table.move(u, 1, #u, 1, {})
    moved[k] = u[k] + offset
    return (target:evaluate(moved, z))
  end
  local h = 1e-4 * math.max(1, math.abs(u[k]))
  local wide, narrow = (at(h) - at(-h)) / (2 * h), (at(h / 2) - at(-h / 2)) / h
  return (4 * narrow - wide) / 3, math.abs(narrow - wide)
end

local function site_of(sites, k)
  local offset = 0
  for _, site in ipairs(sites) do
    if site.block == "u" then
      if k <= offset + site.size then return site.size == 1 and site.name or ("%s, coordinate %d"):format(site.name, k - offset) end
      offset = offset + site.size
    end
  end
end

-- Notes in `report` the largest relative difference between the gradient at a point and finite differences, and the
-- largest part of one that neither rounding nor the differences' own error explains. Coordinates are spread over all of them.
local function check_gradient(report, target, sites, u, z)
  local value, gradient = target:evaluate(u, z)
  if not finite(value) then return end
  report.points = report.points + 1
  for k = 1, #u, math.max(1, #u // MOST_COORDINATES) do
    local slope, doubt = difference(target, u, z, k)
    local off, scale = math.abs(slope - gradient[k]), math.max(1, math.abs(slope), math.abs(gradient[k]))
    local allowed = doubt + 1e-11 * math.abs(value) + 1e-9 -- rounding of the density, divided by the step
    if not finite(gradient[k]) then off, allowed = math.huge, 0 end
    if finite(slope) then
      if off / scale >= report.gradient then report.gradient, report.gradient_site = off / scale, site_of(sites, k) end
      if (off - allowed) / scale > report.excess then report.excess, report.excess_site = (off - allowed) / scale, site_of(sites, k) end
    end
  end
end

-- ---- prior predictive -----------------------------------------------------------------------------------------------

-- { {name =, low =, median =, high =}, ... } over the elements of all draws, in the order of the sites; a model whose
-- sites depend on what is drawn has more in some draws.
local function ranges(draws)
  local order, values = {}, {}
  for _, notes in ipairs(draws) do
    for _, site in ipairs(notes.sites) do
      if not values[site.name] then
        values[site.name] = {}
        order[#order + 1] = { name = site.name, law = site.law }
      end
      for _, x in ipairs(site.values) do
        local all = values[site.name]
        all[#all + 1] = x == x and x or math.huge
      end
    end
  end
  for _, row in ipairs(order) do
    local all = values[row.name]
    table.sort(all)
    local n = #all
    row.low, row.median, row.high = all[1 + n // 20], all[(n + 1) // 2], all[n - n // 20]
  end
  return order
end

-- ---- the report -----------------------------------------------------------------------------------------------------

--- Examines a model that was traced: { problems = {texts}, gradient =, round_trip =, prior = {ranges}, ... }.
function examine.model(model, traced, data, seed)
  local report = { problems = {}, gradient = 0, excess = 0, round_trip = 0, finite = 0, starts = 0, points = 0 }
  local function problem(...) report.problems[#report.problems + 1] = (...):format(select(2, ...)) end
  local target, sites, draws = traced.target, traced.target:sites(), {}
  local start = core.clock()
  for lane = 1, PRIOR_DRAWS do
    if lane > LEAST_DRAWS and core.clock() - start > LONGEST then break end
    draws[lane] = probe(model, data, seed, lane)
  end
  report.draws = #draws

  for _, notes in ipairs(draws) do
    if finite(notes.likelihood) then report.finite = report.finite + 1 end
    for _, site in ipairs(notes.sites) do
      if site.round_trip >= report.round_trip then report.round_trip, report.round_trip_site = site.round_trip, site.name end
    end
    if report.points < GRADIENT_POINTS and #notes.u > 0 then check_gradient(report, target, sites, notes.u, notes.z) end
  end
  if report.excess > WRONG then
    problem("the gradient is off by %.1e at %s: is the density smooth there?", report.excess, report.excess_site)
  end
  if report.round_trip > 1e-6 then
    problem("values of site '%s' change by %.1e on the way to unconstrained numbers and back", report.round_trip_site, report.round_trip)
  end
  if report.finite == 0 then
    problem("the log-likelihood is not finite in any of %d draws from the prior", report.draws)
  end

  -- Starts of chains are u ~ U(-2, 2), not the prior.
  local choice, tries = core.philox(core.stream_key(seed, "check", "starts"), 0), 20
  for _ = 1, tries do
    local u, z = {}, draws[1].z
    for i = 1, #draws[1].u do u[i] = 4 * choice:uniform() - 2 end
    if finite((target:evaluate(u, z))) then report.starts = report.starts + 1 end
  end
  report.tries = tries
  if report.starts == 0 then problem("none of %d starts u ~ U(-2, 2) has a finite density", tries) end
  report.prior = ranges(draws)
  return report
end

-- ---- densities of plugins -----------------------------------------------------------------------------------------------

--- What `borel validate` says of the density of a plugin with its parameters, as a report: { rules = rows, problems = texts }.
function examine.density(rows)
  local report = { rules = rows, problems = {} }
  for _, row in ipairs(rows) do
    if row.verdict == "fails" then report.problems[#report.problems + 1] = ("%s: %s"):format(row.claim, row.evidence) end
  end
  return report
end

function examine.density_text(report)
  local lines = {}
  for i, row in ipairs(report.rules) do lines[i] = ("%-10s %s: %s"):format(row.verdict, row.claim, row.evidence) end
  for _, text in ipairs(report.problems) do lines[#lines + 1] = "problem    " .. text end
  return table.concat(lines, "\n")
end

-- ---- as text ------------------------------------------------------------------------------------------------------------

local function number(x)
  if x - x ~= 0 then return tostring(x) end
  return ("%.4g"):format(x)
end

--- The report on one screen.
function examine.text(report)
  local lines = {}
  local function line(...) lines[#lines + 1] = (...):format(select(2, ...)) end
  if report.points > 0 then
    line("gradient  against finite differences at %d point%s: largest difference %.1e (%s)", report.points,
      report.points == 1 and "" or "s", report.gradient, report.gradient_site)
  end
  line("supports  there and back: worst change %.1e (%s)", report.round_trip, report.round_trip_site or "no continuous site")
  line("starts    %d of %d random starts have a finite density", report.starts, report.tries)
  line("prior     %d draws; the log-likelihood is finite in %d (%.0f %%)", report.draws, report.finite, 100 * report.finite / report.draws)
  local width = 4
  for _, row in ipairs(report.prior) do width = math.max(width, #row.name) end
  line("  %-" .. math.min(width, 40) .. "s  %12s  %12s  %12s", "site", "5 %", "median", "95 %")
  for i, row in ipairs(report.prior) do
    if i > 20 then
      line("  and %d more sites", #report.prior - 20)
      break
    end
    line("  %-" .. math.min(width, 40) .. "s  %12s  %12s  %12s", row.name, number(row.low), number(row.median), number(row.high))
  end
  for _, text in ipairs(report.problems) do line("problem   %s", text) end
  return table.concat(lines, "\n")
end

return examine
