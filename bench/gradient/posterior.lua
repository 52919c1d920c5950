-- SPDX-License-Identifier: MIT
--- The model and data of a script of examples/posteriordb: what it gives to borel.infer, which is not run.
local borel = require "borel"
local session = require "borel.session"

-- Appends the numbers of a number, array or (nested) table.
local function flatten(x, into)
  if type(x) == "number" then
    into[#into + 1] = x
    return into
  end
  for _, part in ipairs(type(x) == "table" and x or x:totable()) do flatten(part, into) end
  return into
end

local posterior = {}

--- Returns model, data; `path` is that of the script.
function posterior.load(path)
  local infer, script, model, data = borel.infer, session.script, nil, nil
  local stop = {}
  session.script = path
  borel.infer = function(what, options)
    model, data = what, options.data
    error(stop)
  end
  local ok, trouble = pcall(assert(loadfile(path)))
  borel.infer, session.script = infer, script
  assert(not ok and trouble == stop, trouble)
  return model, data
end

--- The fields of the data that are named, each as a list of numbers.
function posterior.columns(data, fields)
  local columns = {}
  for k, field in ipairs(fields) do columns[k] = flatten(data[field], {}) end
  return columns
end

--- The five models of the gradient benches: script, gradient by hand, data that this takes.
posterior.five = {
  { "eight_schools-eight_schools_noncentered", "eight_schools", { "y", "sigma" } },
  { "radon_mn-radon_hierarchical_intercept_noncentered", "radon",
    { "county_idx", "log_uppm", "floor_measure", "log_radon", "J" } },
  { "wells_data-wells_dae_inter_model", "wells", { "dist", "arsenic", "educ", "switched" } },
  { "irt_2pl-irt_2pl", "irt", { "y", "I", "J" } },
  { "garch-garch11", "garch", { "y", "sigma1" } },
}

--- Scripts whose models are evaluated at several points at once by code of their own.
posterior.small = {
  "eight_schools-eight_schools_noncentered", "eight_schools-eight_schools_centered", "kilpisjarvi_mod-kilpisjarvi",
  "sblrc-blr", "kidiq-kidscore_interaction", "earnings-logearn_interaction", "arK-arK", "nes1980-nes",
}

return posterior
