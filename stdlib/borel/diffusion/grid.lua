-- SPDX-License-Identifier: MIT
--- Grids of noise levels, from most to least noise: n steps are n + 1 levels. Each function returns a grid, which gives its
-- levels for a process: grid:levels(process) is an array [n + 1, 4] of t, lambda, ln alpha, ln sigma. `clean = true` adds a
-- last level without noise.
local core = require "borel.core"
local options = require "borel.options"

local grid = {}

local Grid = {}
Grid.__index = Grid

--- The levels of this grid for a process, an array [levels, 4].
function Grid:levels(process)
  return process.path:grid(self.scale, self.values(process), self.clean)
end

local function make(scale, clean, values)
  return setmetatable({ scale = scale, clean = clean or false, values = values }, Grid)
end

-- n steps from a to b on the scale of `forth`.
local function spaced(n, a, b, forth, back)
  local fa, fb, out = forth(a), forth(b), {}
  for i = 0, n do out[i + 1] = back(fa + (fb - fa) * i / n) end
  out[1], out[n + 1] = a, b -- exactly
  return out
end

local function same(v) return v end

-- Ends of a grid in time: those stated, or the process's own; a finite lambda is reached at the least noisy end.
local function times(given, process)
  local about = process.about
  local finish = given.t_end
  if not finish then
    finish = about.least
    if about.lambda_of_least == math.huge then finish = about.least + (about.most - about.least) * 1e-3 end
  end
  return given.t_start or about.most, finish
end

local common = { n = { type = "number", integer = true, min = 1 }, clean = { type = "boolean" }, t_start = { type = "number" },
  t_end = { type = "number" } }

-- Checked options, with those that this grid has for itself; n is needed.
local function checked(name, given, own)
  for option, rule in pairs(common) do own[option] = rule end
  local out = options.check("grid." .. name, given, own)
  if not out.n then core.error(("grid.%s: n, the number of steps, is needed"):format(name)) end
  return out
end

--- Uniform in time: grid.time{ n =, t_start =, t_end =, power = 1, shift = }. With a power p it is uniform in t^(1/p) (2:
-- quadratic). t_end is that of the process, or a thousandth of its times where it has no noise at the end. shift s maps t to
-- s t / (1 + (s - 1) t), as for flows.
function grid.time(given)
  given = checked("time", given, { power = { type = "number", min = 1e-3, default = 1 }, shift = { type = "number", min = 1e-9 } })
  local p, s = given.power, given.shift
  return make("time", given.clean, function(process)
    local a, b = times(given, process)
    local out = spaced(given.n, a, b, function(t) return t ^ (1 / p) end, function(v) return v ^ p end)
    for i = 1, s and #out or 0 do out[i] = s * out[i] / (1 + (s - 1) * out[i]) end
    return out
  end)
end

-- lambda at both ends of a grid in lambda or sigma.
local function lambdas(given, process)
  local about = process.about
  local function lambda_at(t) return process.path:level("time", t).lambda end
  local start = given.lambda_start or given.t_start and lambda_at(given.t_start) or about.lambda_of_most
  local _, t_end = times(given, process)
  return start, given.lambda_end or lambda_at(t_end)
end

local function finite(name, start, finish)
  if start == -math.huge then core.error(("grid.%s: the process begins without data; state lambda_start"):format(name)) end
  if finish == math.huge then core.error(("grid.%s: the process ends without noise; state lambda_end"):format(name)) end
  return start, finish
end

--- Uniform in lambda: grid.lambda{ n =, lambda_start =, lambda_end =, t_start =, t_end = }.
function grid.lambda(given)
  given = checked("lambda", given, { lambda_start = { type = "number" }, lambda_end = { type = "number" } })
  return make("lambda", given.clean, function(process)
    local a, b = finite("lambda", lambdas(given, process))
    return spaced(given.n, a, b, same, same)
  end)
end

--- Karras et al. 2022, eq. 5: uniform in (sigma / alpha)^(1 / rho): grid.karras{ n =, rho = 7, ... as grid.lambda }.
function grid.karras(given)
  given = checked("karras", given, { lambda_start = { type = "number" }, lambda_end = { type = "number" },
    rho = { type = "number", min = 1e-3, default = 7 } })
  local rho = given.rho
  return make("lambda", given.clean, function(process)
    local a, b = finite("karras", lambdas(given, process))
    return spaced(given.n, a, b, function(l) return math.exp(-l / rho) end, function(v) return -rho * math.log(v) end)
  end)
end

--- Stated levels: grid.levels{ t = {...} } or grid.levels{ lambda = {...} }, clean = true for a last one without noise.
function grid.levels(given)
  given = options.check("grid.levels", given, { t = {}, lambda = {}, clean = { type = "boolean" } })
  if (given.t == nil) == (given.lambda == nil) then core.error("grid.levels: give t or lambda, a list of levels") end
  return make(given.t and "time" or "lambda", given.clean, function() return given.t or given.lambda end)
end

return grid
