-- SPDX-License-Identifier: MIT
--- Kernels, and kernels made of kernels:
--   borel.cycle{ borel.on("z", borel.gibbs{}), borel.on("u", borel.nuts{}) }   one after the other
--   borel.mixture{ { borel.nuts{}, 0.9 }, { borel.random_walk{}, 0.1 } }        one, drawn with fixed chances
--   borel.on({ "mu", "tau" }, borel.slice{})                                    some unknowns, the rest being held
--   borel.thin(5, borel.random_walk{})                                          several steps as one
-- Each of these preserves the posterior when its parts do (Tierney 1994, Ann. Statist. 22:1701).
local component = require "borel.component"
local core = require "borel.core"

local compose = {}

--- A kernel by name, or from a plugin's file (a path, also of a script that returns a component), with its parameters.
function compose.kernel(name, parameters)
  if type(name) ~= "string" then core.error("borel.kernel: needs the name of a kernel or the path of a plugin, got a " .. type(name)) end
  if name:find "%.lua$" then name = component.load(name).scripted end
  return { is_kernel = true, component = name, parameters = parameters, object = core.kernel(name, parameters or {}) }
end

-- A kernel, or the name of one.
local function need(what, given)
  if type(given) == "string" then return compose.kernel(given) end
  if type(given) ~= "table" or not given.is_kernel then
    core.error(("%s: needs a kernel such as borel.nuts{}, got a %s"):format(what, type(given)))
  end
  return given
end

-- `given` is what the manifest keeps beside the parts.
local function made(name, parts, extra, given)
  local objects = {}
  for i, part in ipairs(parts) do objects[i] = part.object end
  return { is_kernel = true, name = name, parts = parts, given = given, object = core.compose(name, objects, extra) }
end

local function list_of(what, given)
  if type(given) ~= "table" or given.is_kernel then
    core.error(what .. ": needs a list of kernels in braces, as in borel.cycle{ borel.gibbs{}, borel.nuts{} }")
  end
  return given
end

--- borel.cycle{ kernel, ... }: a step is a step of each, in this order.
function compose.cycle(given)
  local parts = {}
  for i, kernel in ipairs(list_of("borel.cycle", given)) do parts[i] = need("borel.cycle", kernel) end
  return made("cycle", parts, nil, {})
end

--- borel.mixture{ { kernel, weight }, ... }: a step is a step of one, drawn in proportion to the weights, which never change.
function compose.mixture(given)
  local parts, weights, sum = {}, {}, 0
  for i, pair in ipairs(list_of("borel.mixture", given)) do
    if type(pair) ~= "table" or type(pair[2]) ~= "number" then
      core.error(("borel.mixture: entry %d is not { kernel, weight }"):format(i))
    end
    parts[i], weights[i] = need("borel.mixture", pair[1]), pair[2]
    sum = sum + weights[i]
  end
  return made("mixture", parts, weights, { weights = core.json_list(weights) })
end

--- borel.on(which, kernel): moves some unknowns, the rest being held. which: "z", everything discrete; "u", everything
-- continuous; a name; or a list of names. A name also stands for what begins with it: "theta" for theta[1], theta[2], ...
-- A site that is called z or u goes by a list: borel.on({ "z" }, kernel).
function compose.on(which, kernel)
  local names = type(which) == "string" and which ~= "z" and which ~= "u" and { which } or which
  if type(names) == "table" then
    for _, name in ipairs(names) do
      if type(name) ~= "string" then core.error("borel.on: names of unknowns are texts, got a " .. type(name)) end
    end
  elseif type(names) ~= "string" then
    core.error("borel.on: needs \"z\", \"u\", a name or a list of names, got a " .. type(which))
  end
  return made("on", { need("borel.on", kernel) }, names, { sites = type(names) == "table" and core.json_list(names) or names })
end

--- borel.thin(n, kernel): n steps are one; what is recorded of a step is that of the last.
function compose.thin(n, kernel)
  if math.type(n) ~= "integer" or n < 1 then
    core.error(("borel.thin: needs a whole number of steps, at least 1, and a kernel, got %s"):format(tostring(n)))
  end
  return made("thin", { need("borel.thin", kernel) }, n, { steps = n })
end

-- "cycle(on z: gibbs, on u: nuts)"
local function text_of(kernel, name)
  if not kernel.parts then return name end
  local parts = {}
  for i, part in ipairs(kernel.parts) do parts[i] = compose.describe(part).text end
  if kernel.name == "on" then
    local sites = kernel.given.sites
    return ("on %s: %s"):format(type(sites) == "table" and table.concat(sites, ", ") or sites, parts[1])
  end
  if kernel.name == "thin" then return ("%d x %s"):format(kernel.given.steps, parts[1]) end
  for i, weight in ipairs(kernel.given.weights or {}) do parts[i] = ("%g %s"):format(weight, parts[i]) end
  return ("%s(%s)"):format(kernel.name, table.concat(parts, ", "))
end

--- What a run depends on: { name, hash of the files, parameters, text }. The parameters of a composition have
-- its parts, in `kernels`, each with name and parameters.
function compose.describe(kernel)
  local described = kernel.object:describe()
  if kernel.parts then
    local hashes, kernels = {}, {}
    for i, part in ipairs(kernel.parts) do
      local own = compose.describe(part)
      hashes[i], kernels[i] = own.hash, { name = own.name, parameters = own.parameters }
    end
    described.hash = core.hash(table.concat(hashes, "+"))
    described.parameters = { kernels = core.json_list(kernels) }
    for name, value in pairs(kernel.given) do described.parameters[name] = value end
  end
  described.text = text_of(kernel, described.name)
  return described
end

--- borel.validate(component or kernel [, { statistical = false, seed = 1 }]): tests what it claims; a list of { claim =,
-- method =, evidence =, verdict = "holds" | "fails" | "not tested" | "reported" }.
function compose.validate(what, tier)
  if type(what) ~= "table" or not (what.is_component or what.is_kernel) then
    core.error "borel.validate: needs a kernel such as borel.cycle{...}, or a borel.component"
  end
  if what.parts then return core.validate("kernel", what.object, nil, tier) end
  return core.validate(what.kind or "kernel", what.scripted or what.component, what.parameters, tier)
end

return compose
