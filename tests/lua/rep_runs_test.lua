-- SPDX-License-Identifier: MIT
-- Run directories of methods: what a draw log holds of a program's draws, of sites that vary, weights and evidence; the diagnostics.
local borel = require "borel"
local core = require "borel.core"
local record = require "borel.rep.record"
local dist, sample, observe, factor = borel.dist, borel.sample, borel.observe, borel.factor

local folder = os.tmpname()
os.remove(folder)
local runs = 0
local function infer(m, given)
  runs = runs + 1
  given.out, given.progress = ("%s/%d"):format(folder, runs), false
  return borel.infer(m, given)
end

-- ---- values, there and back ------------------------------------------------------------------------------------------------

local function none() return false end
local function round_trip(value, address, at)
  local text, numbers = record.encode({ address = { address }, value = { at } }, none, value)
  return record.decode(core.parse_json(text), numbers)
end

local function same(a, b)
  if type(a) ~= type(b) or math.type(a) ~= math.type(b) then return false end
  if core.is_array(a) then return a.dtype == b.dtype and core.to_json(a) == core.to_json(b) end
  if type(a) ~= "table" then return a == b or a ~= a and b ~= b end
  for key, x in pairs(a) do
    if not same(x, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local strange = 'a"b\\ \n[1] é'
for i, value in ipairs { 1.5, 3, -0.0, 0 / 0, math.huge, math.maxinteger, 2 ^ 60, true, false, "", strange, {},
  { 1, 2.0, { "x", { y = 1 } } }, { [3] = 1, [-1] = false, n = 4, [strange] = 2 }, core.array { 1, 2, 3 },
  core.array({ { 1, 2 }, { 3, 4 } }, "i64"), core.array { true, false }, core.zeros { 2, 1, 3 }, { core.array { 0.1 }, 7 } } do
  local back, sites = round_trip(value, strange, value)
  assert(same(back, value), ("value %d: %s"):format(i, tostring(back)))
  assert(same(sites, { [strange] = value }), ("site %d"):format(i))
end
assert(1 / round_trip(-0.0, "x", 1) < 0)

-- What has no such form is there as what it was, and says so when it is used.
local other = round_trip({ print, 1 }, "x", 1)
assert(other[2] == 1 and tostring(other[1]):find "a function that the run directory does not hold")
local ok, message = pcall(function() return other[1].field end)
assert(not ok and message:find "field 'field' of a function that the run directory does not hold: return numbers")
local cycle = {}
cycle[1] = cycle
round_trip(cycle, "x", 1)

-- ---- sites that vary -----------------------------------------------------------------------------------------------------------

local varying = borel.model(function()
  local n, total = sample("n", dist.poisson(1)), 0
  for k = 1, n do total = total + sample({ "x", k }, dist.normal(0, 1)) end
  observe(dist.normal(total, 1), 0.5)
  return { total = total, many = n > 1 }
end)
local given = { chains = 3, draws = 400, warmup = 50, kernel = borel.trace_mh {} }
local fit = infer(varying, given)
local again = borel.open(fit.directory)
assert(again:summary() == fit:summary() and again:verdict() == fit:verdict() and core.to_json(again:report()) == core.to_json(fit:report()))
local n, x = again:draws "n", again:draws "x[1]"
for r = 1, 3 do
  assert(n[r].n == 400)
  for i = 1, 400 do
    assert(math.type(n[r][i]) == "integer" and (x[r][i] ~= nil) == (n[r][i] > 0))
    assert((again.runs[r].values[i].many) == (n[r][i] > 1))
  end
end

-- A layout in the log for each set of sites that was drawn, and no more.
local log, sets, count = core.read_draws(fit.directory .. "/chain-1.log"), {}, 0
for i = 1, 400 do sets[n[1][i]] = true end
for _ in pairs(sets) do count = count + 1 end
local layouts = 0
for _, text in pairs(log.layouts) do
  layouts = layouts + 1
  assert(core.parse_json(text).sites[1][1] == "n")
end
assert(log.draws == 400 and layouts == count)

-- ---- diagnostics ------------------------------------------------------------------------------------------------------------------

-- What every draw has is summarised as the draws of a fit are.
for _, row in ipairs(fit:rows()) do
  if row.name == "n" then
    local columns = {}
    for r = 1, 3 do
      columns[r] = core.array(table.move(n[r], 1, 400, 1, {}), "f64"):reshape { 400, 1 }
    end
    local wanted = core.summarise(columns, 1)
    for _, field in ipairs { "mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "rhat" } do
      assert(row[field] == wanted[field], field)
    end
    assert(row.rhat < 1.2 and row.share == 1)
  elseif row.name == "x[1]" then
    assert(row.share > 0.3 and row.share < 1 and row.rhat ~= row.rhat)
  end
end
local head = fit:summary():match "^[^\n]+"
for _, name in ipairs { "in", "mean", "sd", "MCSE", "ESS bulk", "ESS tail", "R%-hat" } do assert(head:find(name), name) end

-- Chains that never meet are found out: nothing moves either of two modes into the other.
local apart = infer(borel.model(function()
  local side = sample("side", dist.bernoulli(0.5))
  local z = sample("z", dist.normal(side == 1 and 1000 or -1000, 1))
  return z
end), { chains = 4, draws = 200, warmup = 0, kernel = borel.trace_mh { sites = { z = true } }, seed = 2 })
assert(not apart.reliable and apart:verdict():find "R%-hat above 1.01 or undefined: side")

-- ---- weights and evidence ----------------------------------------------------------------------------------------------------------

local weighed = borel.model(function()
  local k = sample("k", dist.bernoulli(0.5))
  factor(k == 1 and math.log(3) or -math.huge)
  return k
end)
local found = infer(weighed, { chains = 2, kernel = borel.importance { particles = 50 } })
local sum = 0
for r = 1, 2 do
  log = core.read_draws(("%s/chain-%d.log"):format(found.directory, r))
  assert(log.draws == 50 and #log.info == 50)
  local alive = 0
  for i, w in ipairs(log.info) do
    alive = alive + (w > -math.huge and 1 or 0)
    assert(w == -math.huge or math.abs(w - math.log(3 / 50)) < 1e-12, i)
  end
  assert(#found.runs[r].values == alive and alive > 0)
  sum = sum + alive * 3 / 50 / 2
end
assert(math.abs(found.log_evidence - math.log(sum)) < 1e-12)
local reopened = borel.open(found.directory)
assert(reopened.log_evidence == found.log_evidence and reopened.weight_ess == found.weight_ess)

-- ---- any number of threads, more chains ------------------------------------------------------------------------------------------

local function bytes_of(directory, chain)
  local file = assert(io.open(("%s/chain-%d.log"):format(directory, chain), "rb"))
  local text = file:read "a"
  file:close()
  return text
end
given.threads, given.chains = 1, 4
local one = infer(varying, given)
for chain = 1, 3 do assert(bytes_of(one.directory, chain) == bytes_of(fit.directory, chain), "threads or chains change a chain") end

-- ---- what goes wrong -------------------------------------------------------------------------------------------------------------

ok, message = pcall(infer, borel.model(function() error "a mistake of the model" end), { kernel = borel.smc {}, chains = 2 })
assert(not ok and message:find "^chain 1: .*a mistake of the model.*%(run directory " and not message:find "resume")
ok, message = pcall(borel.infer, varying, { out = fit.directory, kernel = borel.smc {} })
assert(not ok and message:find "already holds a run")
local file = assert(io.open(fit.directory .. "/chain-2.log", "r+b"))
file:seek("set", 5000)
file:write "damage"
file:close()
local damaged = borel.open(fit.directory)
assert(not damaged.finished and not damaged.reliable and damaged:verdict():find "the draws before the damage are shown")

os.execute(("rm -rf '%s'"):format(folder))
