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
local in_lambda = { lambda_start = { type = "number" }, lambda_end = { type = "number" } }

-- Checked options, with those that this grid has for itself; n is needed.
local function checked(name, given, own, more)
  for option, rule in pairs(common) do own[option] = rule end
  for option, rule in pairs(more or {}) do own[option] = rule end
  local out = options.check("grid." .. name, given, own)
  if not out.n then core.error(("grid.%s: n, the number of steps, is needed"):format(name)) end
  for _, option in ipairs { "t_start", "t_end", "lambda_start", "lambda_end" } do
    local value = out[option]
    if value and (value ~= value or math.abs(value) == math.huge) then
      core.error(("grid.%s: %s is %s, must be a finite number"):format(name, option, value))
    end
  end
  for _, which in ipairs { "start", "end" } do
    if out["t_" .. which] and out["lambda_" .. which] then
      core.error(("grid.%s: give t_%s or lambda_%s, not both"):format(name, which, which))
    end
  end
  return out
end

--- Uniform in time: grid.time{ n =, t_start =, t_end =, power = 1, shift = }. With a power p it is uniform in t^(1/p) (2:
-- quadratic). t_end is that of the process, or a thousandth of its times where it has no noise at the end. shift s maps t to
-- s t / (1 + (s - 1) t), as for flows; times must lie between 0 and 1 then.
function grid.time(given)
  given = checked("time", given, { power = { type = "number", min = 1e-3, default = 1 }, shift = { type = "number", min = 1e-9 } })
  local p, s = given.power, given.shift
  return make("time", given.clean, function(process)
    local a, b = times(given, process)
    if p ~= 1 and (a < 0 or b < 0) then core.error("grid.time: a power is for times that are not negative") end
    if s and not (a >= 0 and a <= 1 and b >= 0 and b <= 1) then
      core.error(("grid.time: a shift is for times between 0 and 1, but they lead from %g to %g"):format(a, b))
    end
    local out = spaced(given.n, a, b, function(t) return t ^ (1 / p) end, function(v) return v ^ p end)
    for i = 1, s and #out or 0 do out[i] = out[i] / (out[i] + (1 - out[i]) / s) end
    return out
  end)
end

--- Uniform in sqrt(t): grid.quadratic{ n =, t_start =, t_end = }.
function grid.quadratic(given)
  given = checked("quadratic", given, {})
  given.power = 2
  return grid.time(given)
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

--- Uniform in lambda, which is geometric in sigma / alpha: grid.lambda{ n =, lambda_start =, lambda_end =, t_start =, t_end = }.
function grid.lambda(given)
  given = checked("lambda", given, {}, in_lambda)
  return make("lambda", given.clean, function(process)
    local a, b = finite("lambda", lambdas(given, process))
    return spaced(given.n, a, b, same, same)
  end)
end

--- The same grid by its other name: geometric in rho = sigma / alpha.
grid.log = grid.lambda

--- Karras et al. 2022, eq. 5: uniform in (sigma / alpha)^(1 / rho): grid.karras{ n =, rho = 7, ... as grid.lambda }.
function grid.karras(given)
  given = checked("karras", given, { rho = { type = "number", min = 1e-3, default = 7 } }, in_lambda)
  local rho = given.rho
  return make("lambda", given.clean, function(process)
    local a, b = finite("karras", lambdas(given, process))
    return spaced(given.n, a, b, function(l) return math.exp(-l / rho) end, function(v) return -rho * math.log(v) end)
  end)
end

-- To the nearest integer, halves to the even one.
local function nearest(v)
  local low = math.floor(v)
  if v - low > 0.5 or v - low == 0.5 and low % 2 == 1 then low = low + 1 end
  return low
end

-- k-th of n + 1 of the indices 0 .. N - 1, from the last down.
local spacings = {
  trailing = function(k, n, N) return nearest(N - k * N / (n + 1)) - 1 end,
  leading = function(k, n, N) return (n - k) * (N // (n + 1)) end,
  linspace = function(k, n, N) return nearest((n - k) * (N - 1) / n) end,
}

--- Indices 0 .. N - 1 of a table: grid.index{ n =, spacing = "trailing" | "leading" | "linspace", steps = N, offset = 0 }. These
-- n + 1 indices are what samplers of discrete models call n + 1 inference steps, the last of which `clean` makes; offset is
-- added to each. N is that of the process's table; where it has none, index i is the time (i + 1) / N of the way.
function grid.index(given)
  given = options.check("grid.index", given, { n = common.n, clean = common.clean, steps = { type = "number", integer = true, min = 2 },
    spacing = { choices = { "trailing", "leading", "linspace" }, default = "trailing" },
    offset = { type = "number", integer = true, min = 0, default = 0 } })
  if not given.n then core.error("grid.index: n, the number of steps, is needed") end
  return make("time", given.clean, function(process)
    local about = process.about
    local table_length = about.indices > 0 and about.indices
    local N = given.steps or table_length
    if not N then core.error("grid.index: the process has no table; state steps, the number of indices") end
    if table_length and N ~= table_length then
      core.error(("grid.index: steps is %d, but the table of the process has %d levels"):format(N, table_length))
    end
    if given.n + 1 > N then core.error(("grid.index: %d levels of a table of %d"):format(given.n + 1, N)) end
    local out, span = {}, about.most - about.least
    for k = 0, given.n do
      local index = spacings[given.spacing](k, given.n, N) + given.offset
      if index > N - 1 then core.error(("grid.index: the index %d is beyond the last, %d"):format(index, N - 1)) end
      out[k + 1] = about.least + span * (table_length and index / (N - 1) or (index + 1) / N)
    end
    return out
  end)
end

--- Stated levels: grid.levels{ t = {...} } or grid.levels{ lambda = {...} }, clean = true for a last one without noise.
function grid.levels(given)
  given = options.check("grid.levels", given, { t = {}, lambda = {}, clean = { type = "boolean" } })
  if (given.t == nil) == (given.lambda == nil) then core.error("grid.levels: give t or lambda, a list of levels") end
  return make(given.t and "time" or "lambda", given.clean, function() return given.t or given.lambda end)
end

return grid
