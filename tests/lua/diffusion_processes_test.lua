-- SPDX-License-Identifier: MIT
-- Processes and grids of noise: closed forms, inverses, slopes, what grids give and refuse.
local diffusion = borel.diffusion
local process, grid = diffusion.process, diffusion.grid
local huge, eps = math.huge, 2.220446049250313e-16

local function close(got, want, tolerance, what)
  if got == want then return end
  local off = math.abs(got - want)
  if off > tolerance or off ~= off then error(("%s: %.17g, not %.17g"):format(what, got, want), 2) end
end

local function refuses(pattern, f, ...)
  local ok, message = pcall(f, ...)
  if ok or not tostring(message):find(pattern, 1, true) then
    error(("expected '%s', got: %s"):format(pattern, ok and "no error" or tostring(message)), 2)
  end
end

-- ---- closed forms -------------------------------------------------------------------------------------------

local function at(p, t) return p:level { t = t } end

-- beta from 0.1 to 20: ln alpha(1) = -19.9 / 4 - 0.1 / 2.
local vp = process.vp {}
close(at(vp, 1).ln_alpha, -5.025, 1e-15, "vp: ln alpha at 1")
close(at(vp, 1).lambda, -5.02497840, 1e-8, "vp: lambda at 1")
-- ln alpha = -5.4975e-5 at 1e-3, so that sigma^2 = 1.0994395582e-4 and lambda = 4.5577053.
local small = -1e-6 * 19.9 / 4 - 1e-3 * 0.1 / 2
close(at(vp, 1e-3).lambda, small - math.log(-2 * small * (1 + small + 2 / 3 * small * small)) / 2, 1e-12, "vp: lambda at 1e-3")
close(at(vp, 1e-3).lambda, 4.558, 5e-4, "vp: lambda at 1e-3, as published")
for _, t in ipairs { 1e-5, 1e-3, 0.1, 0.5, 1 } do
  local a, b = at(vp, t), at(process.sub_vp {}, t)
  close(a.alpha ^ 2 + a.sigma ^ 2, 1, 4 * eps, "vp preserves variance")
  close(b.alpha, a.alpha, eps, "sub-vp: alpha")
  close(b.sigma, a.sigma ^ 2, 8 * eps, "sub-vp: sigma = 1 - alpha^2")
  close(at(process.ve {}, t).sigma, 0.01 * 5000 ^ t, 1e-13, "ve")
  close(at(process.interpolant {}, t).sigma, t, 2 * eps, "interpolant: sigma")
  close(at(process.interpolant {}, t).alpha, 1 - t, 2 * eps, "interpolant: alpha")
  close(at(process.interpolant { schedule = "trigonometric" }, t).alpha, t == 1 and 0 or math.cos(t * math.pi / 2), 2 * eps, "cosine")
end
close(at(process.edm {}, 0.7).sigma, 0.7, 2 * eps, "edm")
close(at(process.edm {}, 0.7).alpha, 1, 0, "edm")
-- (0.9946 + 0.008) / 1.008 of a right angle, over the cosine of 0.008 / 1.008 of it.
local cosine = process.vp { schedule = "cosine" }
close(at(cosine, 0.9946).alpha, math.cos(1.0026 / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2), 1e-15, "cosine")
close(cosine.about.lambda_of_most, -4.7776, 1e-4, "cosine: where it ends")

for _, schedule in ipairs { "linear", "trigonometric" } do
  local p = process.interpolant { schedule = schedule }
  local level = at(p, 1)
  assert(level.alpha == 0 and level.lambda == -huge and level.sigma == 1, schedule)
  assert(at(p, 0).sigma == 0 and at(p, 0).lambda == huge and at(p, 0).alpha == 1, schedule)
end

-- A table of betas: alpha_n at n / N, straight lines of ln alpha between; indices from 0.
local betas, N = {}, 1000
for n = 1, N do betas[n] = 1e-4 + (0.02 - 1e-4) * (n - 1) / (N - 1) end
local discrete = process.vp { schedule = "table", betas = betas }
local sum, logs = 0, {}
for n = 1, N do
  sum = sum + math.log(1 - betas[n]) / 2
  logs[n] = sum
  close(at(discrete, n / N).ln_alpha, sum, 1e-12, "table")
end
assert(discrete.about.indices == N and discrete.about.least == 1 / N and discrete.about.most == 1)
close(at(discrete, 10.25 / N).ln_alpha, 0.75 * logs[10] + 0.25 * logs[11], 1e-13, "between entries")
-- The cosine table of 1000 entries ends at lambda of about -10: entries below -5.1 are left out.
local steep = {}
for n = 1, N do
  local function bar(t) return math.cos((t + 0.008) / 1.008 * math.pi / 2) ^ 2 end
  steep[n] = math.min(1 - bar(n / N) / bar((n - 1) / N), 0.999)
end
local kept = process.vp { schedule = "table", betas = steep }
assert(kept.about.indices < N and kept.about.lambda_of_most >= -5.1 and kept.about.lambda_of_most < -4.5)
assert(process.vp { schedule = "table", betas = steep, lambda_least = -20 }.about.indices == N)

-- Mean-reverting: a_T = alpha_end, s = sigma_inf sqrt(1 - a^2), -ln a proportional to the sums of theta.
for _, theta in ipairs { "constant", "linear", "cosine" } do
  local p = process.mean_reverting { theta = theta }
  local a, about = at(p, 37.5), p.about
  close(at(p, 100).alpha, 0.005, 1e-16, theta .. ": alpha_end")
  close(about.lambda_of_most, math.log(0.005 / (50 / 255)) - math.log(1 - 0.005 ^ 2) / 2, 1e-14, theta .. ": the end")
  close(a.alpha ^ 2 + (a.sigma / (50 / 255)) ^ 2, 1, 8 * eps, theta .. ": variance")
  assert(about.shifted and about.prior_scale == 50 / 255 and about.indices == 101 and about.lambda_of_least < huge, theta)
end
close(at(process.mean_reverting {}, 49).ln_alpha, math.log(0.005) * 50 / 101, 1e-14, "constant theta")
close(at(process.mean_reverting { theta = "table", thetas = { 1, 2, 3 } }, 1.5).ln_alpha, math.log(0.005) * 4.5 / 6, 1e-14, "thetas")
local bar = function(j) return math.cos((j / 102 + 0.008) / 1.008 * math.pi / 2) ^ 2 / math.cos(0.008 / 1.008 * math.pi / 2) ^ 2 end
local part, all = 0, 0
for k = 0, 100 do
  all = all + 1 - bar(k + 1)
  if k <= 20 then part = all end
end
close(at(process.mean_reverting { theta = "cosine" }, 20).ln_alpha, math.log(0.005) * part / all, 1e-13, "cosine theta")

-- ---- inverses and slopes --------------------------------------------------------------------------------------

local all_processes = { vp, process.vp { beta0 = 0, beta1 = 12 }, cosine, discrete, kept, process.sub_vp {}, process.ve {}, process.edm {},
  process.interpolant {}, process.interpolant { schedule = "trigonometric" }, process.mean_reverting {},
  process.mean_reverting { theta = "cosine" }, process.edm { degrees = 3 } }

for i, p in ipairs(all_processes) do
  local about, what = p.about, ("process %d, %s"):format(i, p.name)
  local low, high = math.max(about.lambda_of_most, -12), math.min(about.lambda_of_least, 12)
  for k = 1, 99 do
    -- What t loses by rounding, lambda loses times its slope; t of the cosine is an angle less 0.008.
    local lambda = low + (high - low) * k / 100
    local level = p:level { lambda = lambda }
    local da, ds = p.path:slopes(level.t)
    local slope = da / level.alpha - ds / level.sigma
    close(level.lambda, lambda, 16 * eps * (1 + math.abs(lambda) + math.abs(slope) * (level.t + (p == cosine and 0.008 or 0))),
      what .. ": lambda of t of lambda")
    close(level.lambda, level.ln_alpha - level.ln_sigma, 0, what)
    -- Slopes against central differences, which err by the square of a step, in units of the logarithm, and by eps over it.
    local step = 1e-5 * level.t
    local a, b = at(p, level.t - step), at(p, level.t + step)
    local inside = b.t > a.t and (about.indices == 0 or math.floor(a.t * (p.name == "vp" and N or 1)) ==
      math.floor(b.t * (p.name == "vp" and N or 1)))
    if inside and b.t == level.t + step then
      local curved = 1e-9 + (slope * step) ^ 2
      close((b.alpha - a.alpha) / (b.t - a.t), da, curved * (math.abs(da) + level.alpha / level.t), what .. ": slope of alpha")
      close((b.sigma - a.sigma) / (b.t - a.t), ds, curved * (math.abs(ds) + level.sigma / level.t), what .. ": slope of sigma")
    end
  end
end

-- ---- grids ------------------------------------------------------------------------------------------------------

local function column(g, p, j)
  local levels, out = g:levels(p), {}
  for i = 1, levels.shape[1] do out[i] = levels[{ i, j }] end
  return out
end

local function same(got, want, tolerance, what)
  assert(#got == #want, ("%s: %d levels, not %d"):format(what, #got, #want))
  for i = 1, #got do close(got[i], want[i], tolerance, what .. " " .. i) end
end

local flow, edm = process.interpolant {}, process.edm {}
same(column(grid.time { n = 4, t_end = 0 }, flow, 1), { 1, 0.75, 0.5, 0.25, 0 }, 0, "time")
same(column(grid.quadratic { n = 2, t_end = 0.04 }, flow, 1), { 1, 0.36, 0.04 }, 2 * eps, "quadratic")
same(column(grid.time { n = 2, t_end = 0.04, power = 2 }, flow, 1), column(grid.quadratic { n = 2, t_end = 0.04 }, flow, 1), 0, "power")
same(column(grid.time { n = 2, t_end = 0, shift = 3 }, flow, 1), { 1, 0.75, 0 }, eps, "shift: 3 t / (1 + 2 t)")
assert(column(grid.time { n = 3, shift = 0.1, t_end = 0 }, flow, 2)[1] == -huge, "a shift keeps the first level without data")
same(column(grid.time { n = 2 }, flow, 1), { 1, 0.5005, 1e-3 }, 2 * eps, "no noise at the end: a thousandth")
same(column(grid.lambda { n = 3, lambda_start = -3, lambda_end = 3 }, flow, 2), { -3, -1, 1, 3 }, 1e-14, "lambda")
assert(grid.log == grid.lambda)
-- Karras et al. 2022: sigma_i = (80^(1/7) + i / 17 (0.002^(1/7) - 80^(1/7)))^7, then 0.
local sigmas, karras = {}, column(grid.karras { n = 17, clean = true }, edm, 4)
for i = 0, 17 do sigmas[i + 1] = 7 * math.log(80 ^ (1 / 7) + i / 17 * (0.002 ^ (1 / 7) - 80 ^ (1 / 7))) end
sigmas[19] = -huge
same(karras, sigmas, 1e-13, "karras")
-- The same in every process: rho = sigma / alpha is what is spaced.
local a = column(grid.karras { n = 5, lambda_start = -3, lambda_end = 3, rho = 2 }, vp, 2)
same(column(grid.karras { n = 5, lambda_start = -3, lambda_end = 3, rho = 2 }, flow, 2), a, 1e-12, "karras of rho")

-- Indices of a table of 1000 as samplers of discrete models count them: 10 steps.
local function indices(g, p)
  local out = {}
  for i, t in ipairs(column(g, p, 1)) do out[i] = t * N - 1 end
  return out
end
same(indices(grid.index { n = 9 }, discrete), { 999, 899, 799, 699, 599, 499, 399, 299, 199, 99 }, 1e-9, "trailing")
same(indices(grid.index { n = 9, spacing = "leading", offset = 1 }, discrete), { 901, 801, 701, 601, 501, 401, 301, 201, 101, 1 }, 1e-9,
  "leading")
same(indices(grid.index { n = 9, spacing = "linspace" }, discrete), { 999, 888, 777, 666, 555, 444, 333, 222, 111, 0 }, 1e-9, "linspace")
-- Halves go to the even number: 1000 - 62.5 = 937.5 -> 938, 812.5 -> 812.
same({ table.unpack(indices(grid.index { n = 15 }, discrete), 1, 4) }, { 999, 937, 874, 811 }, 1e-9, "halves")
same(column(grid.index { n = 4, steps = 10, spacing = "linspace" }, vp, 1), { 1, 0.8, 0.5, 0.3, 0.1 }, eps,
  "indices of a continuous process")
same(column(grid.index { n = 3, clean = true, spacing = "linspace" }, process.mean_reverting { steps = 30 }, 1),
  { 30, 20, 10, 0, 0 }, 1e-14, "indices of a mean-reverting process")

local clean = grid.lambda { n = 4, clean = true }:levels(vp)
assert(clean.shape[1] == 6 and clean[{ 6, 2 }] == huge and clean[{ 6, 3 }] == 0 and clean[{ 6, 4 }] == -huge, "clean")
same(column(grid.levels { t = { 0.9, 0.2 } }, flow, 1), { 0.9, 0.2 }, 0, "stated times")
same(column(grid.levels { lambda = { -1, 0.5 } }, flow, 2), { -1, 0.5 }, 4 * eps, "stated lambdas")
same(column(grid.levels { t = { 0.2, 0.9 } }, flow, 1), { 0.2, 0.9 }, 0, "from less to more noise")

-- ---- what they refuse -----------------------------------------------------------------------------------------

refuses("levels 2 and 3 are the same", function() return grid.levels { t = { 0.9, 0.5, 0.5, 0.1 } }:levels(flow) end)
refuses("noise must fall, or rise", function() return grid.levels { t = { 0.9, 0.5, 0.6 } }:levels(flow) end)
refuses("is outside of the process interpolant", function() return grid.levels { t = { 1.5, 0.5 } }:levels(flow) end)
refuses("is outside of the process edm", function() return grid.lambda { n = 3, lambda_start = -9 }:levels(edm) end)
refuses("are the same", function() return grid.time { n = 4, t_end = 0, clean = true }:levels(flow) end)
refuses("begins without data; state lambda_start", function() return grid.lambda { n = 3 }:levels(flow) end)
refuses("ends without noise; state lambda_end", function() return grid.lambda { n = 3, lambda_start = 0, t_end = 0 }:levels(flow) end)
refuses("a shift is for times between 0 and 1", function() return grid.time { n = 3, shift = 3 }:levels(edm) end)
refuses("give t_end or lambda_end, not both", grid.lambda, { n = 3, t_end = 0.1, lambda_end = 3 })
refuses("n, the number of steps, is needed", grid.karras, {})
refuses("must be a finite number", grid.time, { n = 3, t_start = 0 / 0 })
refuses("the process has no table; state steps", function() return grid.index { n = 3 }:levels(vp) end)
refuses("but the table of the process has 1000 levels", function() return grid.index { n = 3, steps = 10 }:levels(discrete) end)
refuses("1001 levels of a table of 1000", function() return grid.index { n = 1000 }:levels(discrete) end)
refuses("the index 1000 is beyond the last, 999", function() return grid.index { n = 9, offset = 1 }:levels(discrete) end)
refuses("give t or lambda", grid.levels, { t = { 1, 0 }, lambda = { 0, 1 } })
refuses("beta1 = 0.1 must be above beta0", process.sub_vp, { beta1 = 0.1 })
refuses("sigma_min = 0 must be above 0", process.edm, { sigma_min = 0 })
refuses("sigma_min = 2 must be above 0 and below sigma_max = 1", process.ve, { sigma_min = 2, sigma_max = 1 })
refuses("sigma_inf is 0, must be above 0", process.mean_reverting, { sigma_inf = 0 })
refuses("alpha_end is 1, must be above 0 and below 1", process.mean_reverting, { alpha_end = 1 })
refuses("theta 2 is 0, must be above 0", process.mean_reverting, { theta = "table", thetas = { 1, 0, 2 } })
refuses("thetas are for theta", process.mean_reverting, { thetas = { 1, 2 } })
refuses("degrees", process.edm, { degrees = -1 })
refuses("degrees", process.ve, { degrees = 0 / 0 })
assert(process.edm { degrees = 5 }.about.degrees == 5 and process.ve { degrees = huge }.about.degrees == 0)
