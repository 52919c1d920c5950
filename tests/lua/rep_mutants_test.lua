-- SPDX-License-Identifier: MIT
-- Every switch that breaks a block (borel/mutant.lua) is noticed by an exact check; prints which check notices which, the
-- kill matrix of docs/validity.md. Each runs tests/lua/rep_checks.lua in a process of its own.
if (os.getenv "BOREL_SANITIZE" or "") ~= "" then os.exit(77) end -- mutants of Lua need no sanitized C, which is slow
local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
local checks = require "borel.rep.suite.checks"
local program = os.getenv "BOREL" or "build/release/borel"

local looks_at = { move = "mh", blocks = "smc", unit = "smc" } -- which checks; of others, those of their own name

-- Where a fourth entry is given, exactly these columns notice the mutant: what the others cannot see.
local mutants = {
  { "move", 1, "no length ratio", "P2 P3 P6 E4" },
  { "move", 2, "length ratio upside down", "P2 P3 P6 E4" },
  { "move", 3, "density of kept sites ignored" },
  { "move", 4, "weight ignored" },
  { "move", 5, "weight upside down" },
  { "move", 6, "square root of the ratio" },
  { "move", 7, "always accepts" },
  { "move", 8, "accepts only upwards" },
  { "move", 9, "tries again when refused" },
  { "move", 10, "keeps the new value when refused" },
  { "move", 11, "keeps the new weight when refused" },
  { "move", 12, "uniform instead of the prior" },
  { "move", 13, "keeps values though the support changed", "P7 E4" },
  { "move", 14, "counts fresh sites" },
  { "move", 15, "never accepts", "E3 E4" },
  { "move", 16, "Barker's acceptance", "E4" },
  { "move", 17, "half of the acceptance", "E4" },
  { "move", 18, "only the first site" },
  { "move", 19, "estimates the current evidence anew", "P8" },
  { "move", 20, "forgets the ratio of proposals", "P8" },
  { "move", 21, "forgets the prior of proposed sites", "P8" },
  { "move", 22, "keeps the old weight when accepted" },
  { "move", 23, "draws the inner path anew when refused", "P8" },
  { "blocks", 1, "ancestors uniform" },
  { "blocks", 2, "ancestors by squared weights" },
  { "blocks", 3, "last index never chosen" },
  { "blocks", 4, "offspring weigh 1/N" },
  { "blocks", 5, "offspring weigh the total" },
  { "blocks", 6, "offspring keep their own weight" },
  { "blocks", 7, "weights overwritten" },
  { "blocks", 8, "dead population revived", "P4 E4" },
  { "blocks", 9, "finished particles dropped" },
  { "blocks", 10, "remaining factors forgotten" },
  { "blocks", 11, "weights levelled without resampling" },
  { "blocks", 12, "all offspring from one draw", "E4" },
  { "blocks", 13, "pushed evidence stays in the weights" },
  { "blocks", 14, "one of all, uniformly" },
  { "blocks", 15, "one of all, with its own weight" },
  { "blocks", 16, "copies with the whole weight" },
  { "involutive", 1, "forgets the densities of the sites" },
  { "involutive", 2, "forgets the densities of the auxiliaries" },
  { "involutive", 3, "auxiliaries upside down" },
  { "involutive", 4, "forgets the Jacobian", "E6" },
  { "involutive", 5, "the Jacobian upside down", "E6" },
  { "gibbs", 1, "weights of values ignored" },
  { "gibbs", 2, "densities of other sites ignored" },
  { "gibbs", 3, "prior of the site ignored" },
  { "gibbs", 4, "never to other sites", "E3 E4" },
  { "gibbs", 5, "the conditional back forgotten" },
  { "particle_gibbs", 1, "no particle is held" },
  { "particle_gibbs", 2, "ancestors uniform" },
  { "particle_gibbs", 3, "one of the runs, uniformly" },
  { "conjugate", 1, "forgets the ratio of proposals" },
  { "conjugate", 2, "a precision that is half" },
  { "conjugate", 3, "a shape that is one more" },
  { "temper", 1, "always exchanges" },
  { "temper", 2, "exchanges upside down" },
  { "temper", 3, "all powers 1" },
  { "temper", 4, "a transition forgets the way down" },
  { "temper", 5, "transitions always accepted" },
  { "temper", 6, "replicas without weights" },
  { "unit", 1, "old factors counted again on replay" },
  { "unit", 2, "moves look at factors ahead" },
}

-- Which columns fail under a mutant, as a set.
local function killed_by(file, number)
  local command = ("BOREL_MUTANT_LUA=%s:%d %q run %q -- %s 2>&1"):format(file, number, program, folder .. "rep_checks.lua",
    looks_at[file] or file)
  local child, set = assert(io.popen(command)), {}
  for line in child:lines() do
    local column = line:match "^(%w+)\t"
    if column then set[column] = true end
  end
  assert(child:close(), ("%s %d: the checks did not run to their end"):format(file, number))
  return set
end

local problems = {}
for _, check in ipairs(checks.all) do check.fn() end -- all pass unbroken

local files, highest = {}, {}
for _, m in ipairs(mutants) do
  if not highest[m[1]] then files[#files + 1] = m[1] end
  highest[m[1]] = m[2]
end

print(("%-52s %s"):format("mutant", table.concat(checks.columns, " ")))
for _, m in ipairs(mutants) do
  local file, number, what, only = table.unpack(m)
  local set, marks, names = killed_by(file, number), {}, {}
  for i, column in ipairs(checks.columns) do
    marks[i] = set[column] and "x " or ". "
    if set[column] then names[#names + 1] = column end
  end
  local killers = table.concat(names, " ")
  print(("%-52s %s"):format(("%s %d: %s"):format(file, number, what), table.concat(marks, " ")))
  if killers == "" then problems[#problems + 1] = ("%s %d (%s) is not noticed"):format(file, number, what) end
  if only and killers ~= only then
    problems[#problems + 1] = ("%s %d (%s) is noticed by %s, not by %s"):format(file, number, what, killers, only)
  end
end

-- No switch in the sources is missing from the list.
for _, file in ipairs(files) do
  local source = assert(io.open(folder .. "../../stdlib/borel/rep/" .. file .. ".lua")):read "a"
  local seen = {}
  for number in source:gmatch "MUTANT == (%d+)" do seen[tonumber(number)] = true end
  for number in pairs(seen) do
    if number > highest[file] then problems[#problems + 1] = ("%s has a switch %d that is not listed"):format(file, number) end
  end
end
assert(#problems == 0, table.concat(problems, "\n"))
