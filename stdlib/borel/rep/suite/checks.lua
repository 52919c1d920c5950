-- SPDX-License-Identifier: MIT
-- Exact checks of compositions by what they look at: a program (E1, meanings, and E2, stationarity of kernels, on it), E3
-- (kernels that reach everything), E4 (constants that means do not show), E6 (pairs of points). checks.all lists them: {
-- column, of = the blocks that it looks at, fn, program = the program that it is on }, fn raises an error where it fails;
-- checks.reports() runs them all.
local rep = require "borel.rep"
local finite = require "borel.rep.suite.programs"
local moves = require "borel.rep.suite.moves"
local pairs_agree = require "borel.rep.suite.pairs"
local reference = require "borel.rep.suite.reference"
local unit = require "borel.rep.unit"

local checks = { columns = { "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "E3", "E4", "E6" }, all = {} }

local function add(column, of, fn, program)
  checks.all[#checks.all + 1] = { column, of = of, fn = fn, program = program or column:match "^P" and column }
end

--- Resampling by n independent draws.
function checks.multinomial(source, weights, n)
  local a = {}
  for i = 1, n do a[i] = source:categorical(weights) end
  return a
end

--- The measure of a program against the one worked out by hand.
function checks.measure(what, p, measure, total)
  local tolerance = 1e-12 * math.max(1, p.total)
  for key, mass in pairs(p.measure) do
    local got = measure[key] or 0
    assert(math.abs(got - mass) <= tolerance, ("%s: %s has mass %.17g, not %.17g"):format(what, key, got, mass))
  end
  for key, mass in pairs(measure) do assert(p.measure[key], ("%s: %s has mass %g, not 0"):format(what, key, mass)) end
  assert(math.abs(total - p.total) <= tolerance, ("%s: the total is %.17g, not %.17g"):format(what, total, p.total))
end

--- E2: the transition matrix keeps the measure, and is reversible if that is claimed.
function checks.kernel(what, matrix, reversible)
  for i, p in ipairs(matrix.outside) do assert(p == 0, ("%s: leaves from %s to elsewhere"):format(what, matrix.outcomes[i])) end
  local r = matrix:report()
  for name, most in pairs { rows = r.rows, stationary = r.stationary, reversible = reversible and r.reversible or 0 } do
    assert(most <= 1e-12, ("%s: %s differs by %.3g"):format(what, name, most))
  end
end

--- E3: everything is reached, at any time.
function checks.ergodic(what, matrix)
  local r = matrix:report()
  assert(r.connected and r.period == 1, ("%s: does not reach everything (period %d)"):format(what, r.period))
end

function checks.close(what, got, want) assert(math.abs(got - want) <= 1e-10, ("%s: %.12g, not %.12g"):format(what, got, want)) end

local step = rep.mh_step()

--- Sites for Gibbs moves, some of which decide what other sites there are.
checks.sites = { P1 = { "x", "y" }, P2 = { "r", "s" }, P3 = { "b", "c", "d", "e" }, P4 = { "x", "y" }, P5 = { "z[1]", "z[2]", "z[3]" },
  P6 = { "b[0]", "b[1]", "b[2]", "b[3]" }, P7 = { "x", "u" } }

-- Gibbs moves of each site.
local function gibbs_moves(name)
  local list = {}
  for i, site in ipairs(checks.sites[name]) do list[i] = rep.gibbs { site = site } end
  return list
end

--- Units of a program beside which stand replicas.
function checks.with_replicas(ladder) return rep.pipeline { rep.finish(), rep.replicas(ladder) } end

-- Replicas: the measure up to scale, and a kernel on all of them together.
function checks.tempered(name, p, ladder)
  local start = checks.with_replicas(ladder)
  local measure, total = rep.enumerate(start, p.model)
  for key, mass in pairs(measure) do measure[key] = mass * p.total / total end
  checks.measure("replicas on " .. name, p, measure, p.total)
  local matrix = rep.matrix(rep.tempered { moves = step }, p.model, { start = start })
  checks.kernel("tempered on " .. name, matrix, false)
  return matrix
end

function checks.transition(name, p, ladder)
  local matrix = rep.matrix(rep.tempered_transition { ladder = ladder, moves = step }, p.model)
  checks.kernel("tempered_transition on " .. name, matrix, true)
  return matrix
end

for name, p in pairs(finite.programs) do
  local function try(what, block) checks.measure(what .. " on " .. name, p, rep.enumerate(block, p.model)) end
  local function kernel(what, block) checks.kernel(what .. " on " .. name, rep.matrix(block, p.model), true) end
  add(name, "mh", function()
    for k = 1, 2 do try("trace_mh " .. k, rep.trace_mh(k)) end
    kernel("mh_step", step)
  end)
  add(name, "smc", function()
    for _, ess in ipairs { 0.9, 1 } do
      local resample = rep.resample(checks.multinomial, { ess = ess })
      for k = 0, math.min(2, p.factors) do try("smc " .. k, rep.smc(2, k, resample)) end
      try("smc_push", rep.pipeline { rep.smc_push(2, 1, resample), rep.collapse() })
    end
  end)
  add(name, "smc, mh", function()
    try("resample_move", rep.resample_move(2, 1, rep.resample(checks.multinomial), step, "dynamic"))
  end)
  if name == "P1" or name == "P4" then add(name, "temper", function() checks.tempered(name, p, { 0.5 }) end) end
  if name == "P1" or name == "P2" then add(name, "temper", function() checks.transition(name, p, { 0.3 }) end) end
  add(name, "gibbs", function()
    for i, block in ipairs(gibbs_moves(name)) do kernel("gibbs of " .. checks.sites[name][i], block) end
    if moves.conditional[name] then kernel("conditional", moves.conditional[name]) end
  end)
  if moves.finite[name] then add(name, "involutive", function() kernel("involutive", moves.finite[name]) end) end
  add(name, "particle_gibbs", function()
    kernel("particle_gibbs", rep.particle_gibbs(2))
    local part = rep.matrix(rep.particle_gibbs(2), p.model, { start = rep.advance() }) -- ends with weights that differ
    checks.kernel("particle_gibbs to the first factor of " .. name, part, true)
  end)
  add("E3", "particle_gibbs", function() checks.ergodic("particle_gibbs on " .. name, rep.matrix(rep.particle_gibbs(2), p.model)) end)
  add("E3", "mh", function() checks.ergodic("mh_step on " .. name, rep.matrix(step, p.model)) end)
  add("E3", "gibbs", function()
    checks.ergodic("gibbs on " .. name, rep.matrix(rep.pipeline(gibbs_moves(name)), p.model))
  end)
end

add("P8", "mh", function()
  local P8, resample = finite.P8, rep.resample(checks.multinomial)
  local model = rep.nested(P8.parameters, P8.model, rep.merged(rep.pipeline { rep.smc(2, 1, resample), rep.collapse() }))
  checks.kernel("pmmh", rep.matrix(rep.mh_step { proposals = { theta = P8.propose } }, model), true)
end)

-- ---- second moments, entries ------------------------------------------------------------------------------------------

local P = finite.programs

local function relative_variance(block, m, ...)
  local first, second = 0, 0
  local function evidence(population, below) return math.exp(rep.log_evidence(population) + below) end
  for z, probability in pairs(rep.law(block, evidence, m, nil, ...)) do
    first, second = first + probability * z, second + probability * z * z
  end
  return second / first ^ 2 - 1
end

local function key_of(u)
  local list, choices = {}, unit.choices(u)
  for n, address in ipairs(choices.address) do list[n] = { address = address, value = choices.value[n] } end
  return reference.key(list)
end

-- Entry by entry, against rows by the choices of the runs.
local function entries(what, matrix, rows)
  for i, from in ipairs(matrix.units) do
    local row = assert(rows[key_of(from)], what)
    for j, to in ipairs(matrix.units) do
      local got, want = matrix.row[i][j] or 0, row[key_of(to)] or 0
      assert(math.abs(got - want) <= 1e-12, ("%s: from %s to %s: %.17g, not %.17g"):format(what, key_of(from), key_of(to), got, want))
    end
  end
end

-- Variances of evidences are differences of numbers near 1: to 1e-12 of the second moment.
local function variances(what, m, factors, ...)
  local args = table.pack(...)
  local function fn() return m.fn(table.unpack(args, 1, args.n)) end
  for k = 0, math.min(2, factors) do
    local got, want = relative_variance(rep.smc(2, k, rep.resample(checks.multinomial)), m, ...), reference.relative_variance(fn, 2, k)
    assert(math.abs(got - want) <= 1e-12 * (1 + want), ("%s, resampled %d times: %.17g, not %.17g"):format(what, k, got, want))
  end
end

for name, p in pairs(P) do
  add("E4", "smc", function() variances("variance of the evidence on " .. name, p.model, p.factors) end, name)
  add("E4", "mh", function() entries("mh_step on " .. name, rep.matrix(step, p.model), reference.mh(p.fn)) end, name)
  add("E4", "particle_gibbs", function()
    entries("particle_gibbs on " .. name, rep.matrix(rep.particle_gibbs(2), p.model), reference.particle_gibbs(p.fn))
  end, name)
  for _, site in ipairs(checks.sites[name]) do
    add("E4", "gibbs", function()
      entries(("gibbs of %s on %s"):format(site, name), rep.matrix(rep.gibbs { site = site }, p.model), reference.gibbs(p.fn, site))
    end, name)
  end
end
for theta = 0, 1 do
  add("E4", "smc", function() variances("variance of the evidence on P8", finite.P8.model, 2, theta) end, "P8")
  add("E4", "mh", function()
    local rows = reference.mh(function() return finite.P8.model.fn(theta) end)
    entries("mh_step inside P8", rep.matrix(step, finite.P8.model, nil, theta), rows)
  end, "P8")
end

-- The same worked out by hand: what the reference says, too, must be so.
add("E4", "smc", function()
  checks.close("variance of the evidence, importance", reference.relative_variance(P.P5.fn, 2, 0), 0.7723287202)
  checks.close("variance of the evidence, multinomial", relative_variance(rep.smc(2, 2, rep.resample(checks.multinomial)), P.P5.model),
    19538529 / 26700254)
end, "P5")

add("E4", "mh", function() -- pick, draw, accept
  local k = rep.matrix(step, P.P1.model)
  checks.close("P1, up", k:between("0 0", "0 1"), 1 / 2 * 1 / 4)
  checks.close("P1, down", k:between("0 1", "0 0"), 1 / 2 * 3 / 4 * 1 / 4)
  checks.close("P3, to the longer branch", rep.matrix(step, P.P3.model):between("L 0", "R 0 0"),
    1 / 2 * 0.7 * 0.4 * 0.8 * (1 / 4 * 2 / 3))
  checks.close("P7, support", rep.matrix(step, P.P7.model):between("0 3", "1 0"), 1 / 2 * 1 / 2 * 1 / 2 * 1 / 4)
end, "P1")

add("E4", "gibbs", function()
  checks.close("P1, conditional", rep.matrix(rep.gibbs { site = "x" }, P.P1.model):between("0 1", "1 1"), 1 / 2 / (1 / 2 + 1 / 3))
end, "P1")

add("E6", "involutive", function()
  for name, case in pairs(moves.continuous) do pairs_agree.check(name, case, 10) end
end)

--- The proposal that is found is the conditional law, so that Green's ratio is 1.
function checks.conjugate(count)
  for _, site in ipairs(moves.conjugate.sites) do
    local block = rep.conjugate { site = site }
    for seed = 1, count do
      local w, note = pairs_agree.noting(seed)
      local u = rep.run(rep.finish(), moves.conjugate.model, seed).units[1]
      local power = seed % 2 == 0 and 0.3 or nil
      local v = block.apply({ units = { u }, log_weights = { 0 }, level = math.huge, power = power }, w).units[1]
      assert(v ~= u and math.abs(note.log_ratio) < 1e-9 * math.max(1, math.abs(u.score)),
        ("conjugate of %s: log-ratio %.3g"):format(site, note.log_ratio))
    end
  end
end
add("E6", "conjugate", function() checks.conjugate(4) end)

-- ---- what borel validate shows -------------------------------------------------------------------------------------------

-- Claims by group of blocks, and what the columns of each say.
local groups = {
  { "smc", "spawn, resample, advance, finish, push_evidence, collapse" }, { "mh", "mh_step, trace_mh" },
  { "smc, mh", "resample_move, pmmh" }, { "particle_gibbs", "particle_gibbs" }, { "involutive", "involutive" },
  { "gibbs", "gibbs, conditional" }, { "conjugate", "conjugate" }, { "temper", "replicas, tempered, tempered_transition" },
}
local claims = {
  E3 = { "ergodic", "matrix", "every outcome of the finite programs is reached, with period 1" },
  E4 = { "second moments", "enumeration", "variances of the evidence and all entries of matrices on %s as worked out apart, to 1e-12" },
  E6 = { "Green's ratio", "pairs", "at random pairs of continuous programs" },
}
local PRESERVES = { "preserves the measure", "enumeration", "measures and transition matrices on %s, to 1e-12" }

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- Reports on the blocks of borel.rep: { { name =, rows = { { claim =, method =, evidence =, verdict = } } } }.
function checks.reports()
  local reports = {}
  for i, group in ipairs(groups) do
    local rows, by_claim = {}, {}
    for _, check in ipairs(checks.all) do
      if check.of == group[1] then
        local claim = claims[check[1]] or PRESERVES
        local row = by_claim[claim]
        if not row then
          row = { claim = claim[1], method = claim[2], verdict = "holds", programs = {} }
          by_claim[claim], rows[#rows + 1] = row, row
        end
        local ok, message = pcall(check.fn)
        if ok then
          row.programs[check.program or check[1]] = true
        elseif row.verdict == "holds" then
          row.verdict, row.evidence = "fails", (tostring(message):gsub("^.-:%d+: ", ""):gsub("[\n\t]", " "))
        end
      end
    end
    for claim, row in pairs(by_claim) do
      row.evidence = row.evidence or claim[3]:format(table.concat(sorted(row.programs), " "))
      row.programs = nil
    end
    table.sort(rows, function(a, b) return a.claim < b.claim end)
    reports[i] = { name = group[2], rows = rows }
  end
  return reports
end

return checks
