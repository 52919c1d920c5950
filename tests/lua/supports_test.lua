-- SPDX-License-Identifier: MIT
-- Supports of vectors and matrices: round trips, log-Jacobians against the determinant of the Jacobian that
-- reverse mode gives row by row, batches, membership, and the laws that a density of 1 means.
local borel = require "borel"
local core = require "borel.core"
local session = require "borel.session"
local dist, sample, factor, deterministic = borel.dist, borel.sample, borel.factor, borel.deterministic
session.quiet = true
local folder = os.tmpname()
os.remove(folder)

local function flat(x) return type(x) == "number" and x or x:reshape { x.size } end
local function off(a, b) return borel.maximum(borel.abs(a - b)) end
local function check(condition, ...)
  if not condition then error(string.format(...), 2) end
end

local function random(n, seed)
  local choice, values = core.philox(core.stream_key(seed, "supports", "u"), 0), {}
  for i = 1, n do values[i] = 1.2 * choice:normal() end
  return values
end

-- The gradient of element k of what `value` makes of u.
local function gradient(value, u, k)
  local model = borel.model(function()
    local x = value(sample("u", dist.flat():iid(#u)))
    factor(x[k])
  end)
  local _, row = model:trace(nil, "interpreter").target:evaluate(u, {})
  return row
end

-- Elements that stand for the whole value in the Jacobian: `kept` of a K x K matrix, or the first n of a vector.
local function below(K)
  local at = {}
  for i = 1, K do for j = 1, i - 1 do at[#at + 1] = (i - 1) * K + j end end
  return at
end
local function lower(K)
  local at = {}
  for i = 1, K do for j = 1, i do at[#at + 1] = (i - 1) * K + j end end
  return at
end
local function first(n)
  local at = {}
  for i = 1, n do at[i] = i end
  return at
end

local cases = {
  simplex = function(K) return first(K - 1) end,
  positive_ordered = first,
  correlation = below, correlation_cholesky = below,
  covariance = lower, covariance_cholesky = lower,
}

for name, kept in pairs(cases) do
  for _, K in ipairs { 1, 2, 5 } do
    if K > 1 or not (name == "simplex" or name:find "correlation") then
      local d = dist.flat()[name](dist.flat(), K)
      local at, u = kept(K), random(d:free_shape()[1], K)
      check(#at == #u, "%s: %d coordinates", name, #u)
      local x, log_jacobian = d:constrain(borel.array(u))
      check(d:contains(x) == true, "%s of %d: the value is outside", name, K)
      check(off(d:unconstrain(x), borel.array(u)) < 1e-10, "%s of %d: round trip", name, K)
      local rows = {}
      for i, k in ipairs(at) do rows[i] = gradient(function(v) return flat((d:constrain(v))) end, u, k) end
      local log_det = borel.slogdet(rows)
      check(math.abs(log_det - log_jacobian) < 1e-10, "%s of %d: log-Jacobian %.15g, determinant %.15g", name, K, log_jacobian, log_det)
    end
  end
end

-- Sum to zero: columns of the Jacobian are orthonormal, the same by both ways of computing it.
for _, K in ipairs { 2, 5, 40 } do
  local d = dist.flat():sum_to_zero(K)
  local u = random(K - 1, 3)
  local x, log_jacobian = d:constrain(borel.array(u))
  check(log_jacobian == nil and math.abs(borel.sum(x)) < 1e-13 and d:contains(x) == true, "sum_to_zero of %d", K)
  check(off(d:unconstrain(x), borel.array(u)) < 1e-13, "sum_to_zero of %d: round trip", K)
  check(math.abs(borel.sum(x * x) - borel.sum(borel.array(u) ^ 2)) < 1e-12, "sum_to_zero of %d: length", K)
  local rows = {}
  for k = 1, K do rows[k] = gradient(function(v) return (d:constrain(v)) end, u, k) end
  local J = borel.array(rows)
  check(off(borel.matmul(J:t(), J), borel.diag(borel.ones(K - 1))) < 1e-14, "sum_to_zero of %d: Jacobian", K)
end

-- Unit vectors: the length of u is left with the law of a standard normal's.
do
  local d = dist.flat():unit_vector(3)
  local x, log_jacobian = d:constrain(borel.array { 1, 2, 2 })
  check(off(x, borel.array { 1 / 3, 2 / 3, 2 / 3 }) < 1e-15 and log_jacobian == -4.5, "unit_vector")
  check(d:contains(x) == true and d:contains(borel.array { 1, 1, 0 }) == false, "unit_vector contains")
end

-- Batches: every value by itself, the log-Jacobians together.
for _, name in ipairs { "simplex", "sum_to_zero", "unit_vector", "positive_ordered", "correlation", "correlation_cholesky", "covariance",
  "covariance_cholesky" } do
  local one = dist.flat()[name](dist.flat(), 4)
  local n = one:free_shape()[1]
  local many = one:iid(2, 3)
  local u = borel.array(random(6 * n, 9)):reshape { 2, 3, n }
  if #many:shape() <= 4 then
    local x, log_jacobian = many:constrain(u)
    local total = 0
    for i = 1, 2 do
      for j = 1, 3 do
        local value, jacobian = one:constrain(u[i][j])
        total = total + (jacobian or 0)
        check(off(x[i][j], value) < 1e-14, "%s: batch", name)
      end
    end
    log_jacobian = log_jacobian or 0
    check(math.abs(total - (type(log_jacobian) == "number" and log_jacobian or borel.sum(log_jacobian))) < 1e-11,
      "%s: Jacobian of a batch", name)
    check(off(many:constrain(many:unconstrain(x)), x) < 1e-13, "%s: round trip of a batch", name)
    local inside = many:contains(x)
    check(borel.sum(borel.where(inside, 1.0, 0.0)) == 6 and table.concat(inside.shape, " ") == "2 3", "%s: contains of a batch", name)
  end
end

-- Outside: one of everything that can be wrong.
local nan = 0 / 0
local outside = {
  simplex = { { 0.5, 0.4 }, { 1.5, -0.5 }, { nan, 1 } },
  sum_to_zero = { { 1, -0.9 }, { nan, 0 } },
  unit_vector = { { 1, 0.1 } },
  positive_ordered = { { -1, 1 }, { 2, 1 }, { 1, 1 } },
  correlation = { { { 1, 0.5 }, { 0.4, 1 } }, { { 2, 0.5 }, { 0.5, 1 } }, { { 1, 1.5 }, { 1.5, 1 } } },
  correlation_cholesky = { { { 1, 0.1 }, { 0.6, 0.8 } }, { { 1, 0 }, { 0.6, 0.7 } }, { { 1, 0 }, { 0.6, -0.8 } } },
  covariance = { { { 1, 0.5 }, { 0.4, 1 } }, { { 1, 2 }, { 2, 1 } }, { { nan, 0 }, { 0, 1 } } },
  covariance_cholesky = { { { 1, 0.1 }, { 0, 1 } }, { { 1, 0 }, { 0, -1 } }, { { 0, 0 }, { 0, 1 } } },
}
for name, values in pairs(outside) do
  local d = dist.flat()[name](dist.flat(), 2)
  for i, value in ipairs(values) do check(d:logdensity(value) == -math.huge, "%s: value %d is inside", name, i) end
end
check(dist.flat():simplex(2):logdensity { 0.25, 0.75 } == 0, "the density is 1")

-- Where nothing is left to infer, and what is no number of elements.
local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  check(not ok and tostring(message):find(pattern, 1, true), "no error with '%s': %s", pattern, tostring(message))
end
raises("simplex: a vector of one element can only be 1", dist.flat().simplex, dist.flat(), 1)
raises("correlation: a matrix of one row can only be 1", dist.flat().correlation, dist.flat(), 1)
raises("flat:simplex: the number of elements is 1.5, must be a known whole number of at least 1", dist.flat().simplex, dist.flat(), 1.5)
raises("normal:simplex: only flat() takes a support", dist.flat().simplex, dist.normal(0, 1), 2)

-- What a density of 1 means, by NUTS: Dirichlet(1, 1, 1) has means 1/3 and variances 1/18; on the sphere the mean of
-- x_1^2 is 1/3; a correlation of two is uniform on (-1, 1); a pair exp(-x_1 - x_2) increasing has means 1/2, 3/2.
local fit = borel.infer(borel.model(function()
  local p = sample("p", dist.flat():simplex(3))
  deterministic("p_square", p * p)
  local x = sample("x", dist.flat():unit_vector(3))
  deterministic("x_square", x * x)
  local r = sample("r", dist.flat():correlation(2))
  deterministic("r_square", r[{ 2, 1 }] ^ 2)
  local q = sample("q", dist.flat():positive_ordered(2))
  factor(-borel.sum(q))
  local z = sample("z", dist.flat():sum_to_zero(3))
  factor(-0.5 * borel.sum(z * z))
  deterministic("z_square", borel.sum(z * z))
end), { draws = 2000, seed = 5, out = folder })
local want = { r_square = 1 / 3, z_square = 2, ["q[1]"] = 0.5, ["q[2]"] = 1.5, ["z[3]"] = 0, ["r[2,1]"] = 0 }
for i = 1, 3 do
  want[("p[%d]"):format(i)], want[("p_square[%d]"):format(i)] = 1 / 3, 1 / 9 + 1 / 18
  want[("x[%d]"):format(i)], want[("x_square[%d]"):format(i)] = 0, 1 / 3
end
for _, row in ipairs(fit:rows()) do
  local mean = want[row.name]
  want[row.name] = nil
  check(not mean or math.abs(row.mean - mean) < 5 * row.mcse_mean, "%s: mean %g, not %g (MCSE %g)", row.name, row.mean, mean,
    row.mcse_mean)
end
check(next(want) == nil, "no value %s", tostring(next(want)))
os.execute("rm -rf '" .. folder .. "'")
