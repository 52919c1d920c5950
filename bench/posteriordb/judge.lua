-- SPDX-License-Identifier: MIT
-- judge.lua REPORT.json REFERENCE.csv NAME SEED: compares a run with reference moments; exits with 1 on a failure.
local report_path, reference_path, name, seed = table.unpack(arg)
local LIMIT, ESS = 4, 2000

local function read_csv(path)
  local rows, header = {}, nil
  for line in io.lines(path) do
    local cells = {}
    for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
    if not header then
      header = cells
    elseif #cells > 1 then
      -- a name with two indices holds a comma and is quoted: none of these references has one
      local row = {}
      for i, key in ipairs(header) do row[key] = tonumber(cells[i]) or cells[i] end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local fit = borel.read(report_path).fits[1]
local by_name = {}
for _, row in ipairs(fit.parameters) do by_name[row.name] = row end

local worst_mean, worst_sd, least_ess, at = 0, 0, math.huge, ""
for _, want in ipairs(read_csv(reference_path)) do
  local have = assert(by_name[want.name], "the run has no " .. want.name)
  local z = math.abs(have.mean - want.mean) / math.sqrt(want.mcse_mean ^ 2 + have.mcse_mean ^ 2)
  local s = math.abs(have.sd - want.sd) / math.sqrt(want.mcse_sd ^ 2 + have.mcse_sd ^ 2)
  if math.max(z, s) > math.max(worst_mean, worst_sd) then at = want.name end
  worst_mean, worst_sd = math.max(worst_mean, z), math.max(worst_sd, s)
  least_ess = math.min(least_ess, have.ess_bulk)
end

local pass, why
if name == "eight_schools-eight_schools_centered" then
  pass, why = not fit.reliable, fit.reliable and "reported as reliable" or "reported unreliable"
else
  pass = worst_mean < LIMIT and worst_sd < LIMIT and least_ess >= ESS and fit.reliable
  why = fit.reliable and "reliable" or "reported unreliable"
end
print(("%-4s %-48s seed %s  |z| mean %.2f  sd %.2f  (%s)  ESS %.0f  %d divergences  %s"):format(pass and "ok" or "FAIL", name, seed,
  worst_mean, worst_sd, at, least_ess, fit.divergences, why))
os.exit(pass and 0 or 1)
