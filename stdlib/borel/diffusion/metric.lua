-- SPDX-License-Identifier: MIT
--- How far apart two samples are, x [n, D] and y [m, D]: figures for solvers and chains, with the floor that two samples of one
-- law reach.
local core = require "borel.core"
local options = require "borel.options"

local metric = {}

local function samples(what, x, y)
  x, y = core.array(x, "f64"), core.array(y, "f64")
  local a, b = x.shape, y.shape
  if #a ~= 2 or #b ~= 2 or a[2] ~= b[2] or a[1] < 2 or b[1] < 2 then
    core.error(("%s: needs two samples [n, D] with the same D, each of at least two"):format(what))
  end
  return x, y, a[1], b[1], a[2]
end

-- ---- sliced Wasserstein distance -------------------------------------------------------------------------------------

-- Directions of unit length as columns, [D, count].
local function directions(seed, count, D)
  local u = core.reverse_normals(seed, 1, count, 0, 0, D)
  return (u / (u ^ 2):sum(2):reshape { count, 1 } ^ .5):t()
end

-- Quantiles of sorted values at the middles of n equal shares.
local function quantiles(sorted, n)
  local m = #sorted
  if m == n then return sorted end
  local index = {}
  for i = 1, n do index[i] = math.min(m, 1 + math.floor((i - .5) / n * m)) end
  return sorted[core.array(index, "i64")]
end

--- metric.sliced_wasserstein(x, y, { projections = 200, seed = 1 }): the root mean square, over directions, of the 2-Wasserstein
-- distance between the samples as seen along a direction (Rabin et al. 2012). Two samples of one law do not give 0 but a
-- floor of order sqrt(D/n) times their spread; metric.floor measures it.
function metric.sliced_wasserstein(x, y, given)
  local n, m, D
  x, y, n, m, D = samples("sliced_wasserstein", x, y)
  given = options.check("sliced_wasserstein", given, { projections = { type = "number", integer = true, min = 1, default = 200 },
    seed = { type = "number", integer = true, min = 0, default = 1 } })
  local u = directions(given.seed, given.projections, D)
  local px, py, total = core.matmul(x, u):t(), core.matmul(y, u):t(), 0
  local size = math.max(n, m)
  for k = 1, given.projections do
    local a, b = quantiles(core.sort(px[k]), size), quantiles(core.sort(py[k]), size)
    total = total + ((a - b) ^ 2):mean()
  end
  return (total / given.projections) ^ .5
end

-- ---- kernels ------------------------------------------------------------------------------------------------------------

-- Squared distances [n, m].
local function squares(x, y, n, m)
  local d = (x ^ 2):sum(2):reshape { n, 1 } + (y ^ 2):sum(2):reshape { 1, m } - 2 * core.matmul(x, y:t())
  return core.where(d:gt(0), d, 0)
end

local FACTORS = { .25, .5, 1, 2, 4 }

-- The sum of five Gaussian kernels whose bandwidths are multiples of the median distance.
local function kernel(d, median)
  local k = 0
  for _, factor in ipairs(FACTORS) do k = k + core.exp(d * (-1 / (2 * (factor * factor) * median))) end
  return k / #FACTORS
end

-- The unbiased estimate from the kernel matrix of both samples together: rows 1 .. n of order are x.
local function mmd_of(k, order, n, m)
  local inside = {}
  for i, row in ipairs(order) do inside[row] = i <= n and 1 or 0 end
  local a, b = core.array(inside, "f64"), 1 - core.array(inside, "f64")
  local within_x = core.dot(a, core.matmul(k, a)) - n
  local within_y = core.dot(b, core.matmul(k, b)) - m
  local between = core.dot(a, core.matmul(k, b))
  return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)
end

--- metric.mmd(x, y, { permutations = 0, seed = 1 }): the unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3) of
-- the mean of five Gaussian kernels, with bandwidths 1/4 to 4 times the median distance; it may be negative. With
-- permutations the second result is the p-value of a permutation test. Memory grows with (n + m)^2.
function metric.mmd(x, y, given)
  local n, m
  x, y, n, m = samples("mmd", x, y)
  given = options.check("mmd", given, { permutations = { type = "number", integer = true, min = 0, default = 0 },
    seed = { type = "number", integer = true, min = 0, default = 1 } })
  local both = core.stack { x, y }
  if #both.shape == 3 then both = both:reshape { n + m, x.shape[2] } end
  local d = squares(both, both, n + m, n + m)
  local off = core.sort(d:reshape { (n + m) * (n + m) })
  local median = off[(n + m) + ((n + m) * (n + m - 1)) // 2]
  if median == 0 then core.error("mmd: more than half of the distances are 0") end
  local k, order = kernel(d, median), {}
  for i = 1, n + m do order[i] = i end
  local value = mmd_of(k, order, n, m)
  if given.permutations == 0 then return value end
  local source, above = core.philox(core.stream_key(given.seed, "mmd"), 0), 0
  for _ = 1, given.permutations do
    for i = n + m, 2, -1 do
      local j = source:uniform_int(i) + 1
      order[i], order[j] = order[j], order[i]
    end
    if mmd_of(k, order, n, m) >= value then above = above + 1 end
  end
  return value, (above + 1) / (given.permutations + 1)
end

--- metric.energy(x, y): the energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo 2013), unbiased.
function metric.energy(x, y)
  local n, m
  x, y, n, m = samples("energy", x, y)
  return 2 * (squares(x, y, n, m) ^ .5):mean() - (squares(x, x, n, n) ^ .5):sum() / (n * (n - 1))
    - (squares(y, y, m, m) ^ .5):sum() / (m * (m - 1))
end

--- metric.floor(draw, n, distance, repeats = 8): mean and standard deviation of distance(x, y) between pairs of samples of one law:
-- draw(n, k) is sample number k of it.
function metric.floor(draw, n, distance, repeats)
  repeats = repeats or 8
  local values = {}
  for k = 1, repeats do values[k] = distance(draw(n, 2 * k - 1), draw(n, 2 * k)) end
  values = core.array(values)
  local mean = values:mean()
  return mean, (((values - mean) ^ 2):sum() / math.max(1, repeats - 1)) ^ .5
end

return metric
