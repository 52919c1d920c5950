-- SPDX-License-Identifier: MIT
-- Laws of vectors, matrices and series: densities against other sources, samplers against exact laws, edges.
-- False alarms: a test of draws fails by chance once in about 1e6 (Kolmogorov: sqrt(n) D > 2.69; a normal beyond 4.9;
-- chi-square as said there).
local borel = require "borel"
local core = require "borel.core"
local dist = borel.dist

local function check(condition, ...)
  if not condition then error(string.format(...), 2) end
end
local function close(got, want, what)
  check(math.abs(got - want) <= 1e-12 * (1 + math.abs(want)), "%s: %.17g, not %.17g", what, got, want)
end
local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  check(not ok and tostring(message):find(pattern, 1, true), "no error with '%s': %s", pattern, tostring(message))
end
local function lgamma(x) return borel.lgamma(x) end
local LOG_2PI = math.log(2 * math.pi)
local function normal(x, mu, sigma) return -0.5 * ((x - mu) / sigma) ^ 2 - math.log(sigma) - 0.5 * LOG_2PI end
local function det(a) return a[1][1] * a[2][2] - a[1][2] * a[2][1] end
local function inverse(a)
  local d = det(a)
  return borel.array { { a[2][2] / d, -a[1][2] / d }, { -a[2][1] / d, a[1][1] / d } }
end
local function quadratic(x, y, a) -- (x, y) a^-1 (x, y)'
  local b = inverse(a)
  return x * x * b[1][1] + 2 * x * y * b[1][2] + y * y * b[2][2]
end

-- ---- densities -----------------------------------------------------------------------------------------------

-- From GSL 2.7.1: tests/fixtures/laws/gsl_values.c.
local S3 = borel.array { { 4, 2, 1 }, { 2, 5, 3 }, { 1, 3, 6 } }
close(dist.dirichlet { 0.3, 1, 2.5, 4 }:logdensity { 0.05, 0.25, 0.3, 0.4 }, 2.4946605784069034, "dirichlet")
close(dist.multinomial(15, { 0.1, 0.2, 0.3, 0.4 }):logdensity { 3, 0, 7, 5 }, -7.1221597578690883, "multinomial")
close(dist.multi_normal({ 1, -2, 0.5 }, S3):logdensity { 0.3, 0.7, -1.1 }, -7.4082663869214418, "multi_normal")
close(dist.multi_normal_cholesky({ 1, -2, 0.5 }, borel.cholesky(S3)):logdensity { 0.3, 0.7, -1.1 }, -7.4082663869214418,
  "multi_normal_cholesky")
close(dist.multi_normal_precision({ 1, -2, 0.5 }, borel.solve(S3, borel.diag { 1, 1, 1 })):logdensity { 0.3, 0.7, -1.1 },
  -7.4082663869214418, "multi_normal_precision")
close(dist.wishart(4.5, S3):logdensity { { 9, 1, -2 }, { 1, 7, 3 }, { -2, 3, 12 } }, -17.622794639832165, "wishart")

-- Wishart 2 x 2, its constant by Legendre's duplication: Gamma_2(a) = pi 2^(2 - 2 a) Gamma(2 a - 1).
local S, X = borel.array { { 2, 0.5 }, { 0.5, 1 } }, borel.array { { 3, 0.7 }, { 0.7, 2 } }
local function trace(a, b) -- of a^-1 b
  local c = inverse(a)
  return c[1][1] * b[1][1] + 2 * c[1][2] * b[1][2] + c[2][2] * b[2][2]
end
local function wishart2(x, nu, scale)
  local log_gamma2 = math.log(math.pi) + (2 - nu) * math.log(2) + lgamma(nu - 1)
  return 0.5 * (nu - 3) * math.log(det(x)) - 0.5 * trace(scale, x) - nu * math.log(2) - 0.5 * nu * math.log(det(scale)) - log_gamma2
end
close(dist.wishart(4.5, S):logdensity(X), wishart2(X, 4.5, S), "wishart 2 x 2")
-- ... the inverse by its Jacobian |x|^-(K + 1).
close(dist.inverse_wishart(4.5, S):logdensity(X), wishart2(inverse(X), 4.5, inverse(S)) - 3 * math.log(det(X)), "inverse_wishart")
-- ... the factors by theirs: l_11, l_21, l_22 to their squares and product brings 4 l_11^2 l_22.
for _, name in ipairs { "wishart", "inverse_wishart" } do
  local L = borel.cholesky(X)
  close(dist[name .. "_cholesky"](4.5, borel.cholesky(S)):logdensity(L),
    dist[name](4.5, S):logdensity(X) + math.log(4 * L[{ 1, 1 }] ^ 2 * L[{ 2, 2 }]), name .. "_cholesky")
end
-- One row: chi-square times s.
close(dist.wishart(3, { { 2 } }):logdensity { { 5 } },
  0.5 * math.log(2.5) - 1.25 - 1.5 * math.log(2) - lgamma(1.5) - math.log(2), "wishart 1 x 1")

-- Polya's urn: outcomes in a row, each adding one of its kind; all orders are alike.
local function urn(x, alpha)
  local lp, drawn, total, n = 0, 0, 0, 0
  for k = 1, #x do
    total, n = total + alpha[k], n + x[k]
    lp = lp - lgamma(x[k] + 1)
  end
  for k = 1, #x do
    for i = 0, x[k] - 1 do
      lp = lp + math.log((alpha[k] + i) / (total + drawn))
      drawn = drawn + 1
    end
  end
  return lp + lgamma(n + 1)
end
close(dist.dirichlet_multinomial(7, { 0.3, 1, 2.5 }):logdensity { 2, 4, 1 }, urn({ 2, 4, 1 }, { 0.3, 1, 2.5 }), "dirichlet_multinomial")

-- t of two: (1 + q / nu)^-(nu + 2)/2 / (2 pi sqrt det), since Gamma(nu / 2 + 1) = (nu / 2) Gamma(nu / 2).
close(dist.multi_student_t(3.7, { 0, 1 }, S):logdensity { 1, 3 },
  -LOG_2PI - 0.5 * math.log(det(S)) - 0.5 * 5.7 * math.log(1 + quadratic(1, 2, S) / 3.7), "multi_student_t")
close(dist.multi_student_t(3.7, { 1 }, { { 4 } }):logdensity { 2.5 }, dist.student_t(3.7, 1, 2):logdensity(2.5), "multi_student_t of one")

-- LKJ: of two, (1 - r^2)^(eta - 1) over 2^(2 eta - 1) B(eta, eta); eta = 1: the volumes pi^2 / 2 of 3 x 3 (Rousseeuw and
-- Molenberghs 1994, The American Statistician 48) and 32 pi^2 / 27 of 4 x 4 correlation matrices (Joe 2006, Journal of
-- Multivariate Analysis 97).
local eta, r = 2.3, 0.4
close(dist.lkj(2, eta):logdensity { { 1, r }, { r, 1 } },
  (eta - 1) * math.log(1 - r * r) - (2 * eta - 1) * math.log(2) - 2 * lgamma(eta) + lgamma(2 * eta), "lkj of 2")
close(dist.lkj(3, 1):logdensity(borel.diag { 1, 1, 1 }), -math.log(math.pi ^ 2 / 2), "lkj of 3")
close(dist.lkj(4, 1):logdensity(borel.diag { 1, 1, 1, 1 }), -math.log(32 * math.pi ^ 2 / 27), "lkj of 4")
-- The factor of two is r and sqrt(1 - r^2), so that the density by r is the same.
close(dist.lkj_cholesky(2, eta):logdensity { { 1, 0 }, { r, math.sqrt(1 - r * r) } }, dist.lkj(2, eta):logdensity { { 1, r }, { r, 1 } },
  "lkj_cholesky of 2")
-- Of three: the Jacobian from l_21, l_31, l_32 to the correlations is l_22.
local L3 = borel.array { { 1, 0, 0 }, { 0.6, 0.8, 0 }, { 0.2, -0.5, math.sqrt(1 - 0.29) } }
close(dist.lkj_cholesky(3, eta):logdensity(L3), dist.lkj(3, eta):logdensity(borel.matmul(L3, L3:t())) + math.log(0.8),
  "lkj_cholesky of 3")

-- Series. A random walk: its steps. AR(1), AR(2): the law of the first values from Box, Jenkins and Reinsel 2008, Time
-- Series Analysis, section 3.2: rho_1 = phi_1 / (1 - phi_2), gamma_0 = (1 - phi_2) / ((1 + phi_2) ((1 - phi_2)^2 - phi_1^2)).
close(dist.gaussian_random_walk(3, 1, 0.5, 2):logdensity { 2, 1, 3 }, normal(2, 1.5, 2) + normal(1, 2.5, 2) + normal(3, 1.5,
  2), "random walk")
close(dist.gaussian_random_walk(1, 1, 0.5, 2):logdensity { 2 }, normal(2, 1.5, 2), "random walk of one step")
close(dist.ar(3, { 0.6 }, 1, 2):logdensity { 2, 0, 3 },
  normal(2, 1, 2 / math.sqrt(1 - 0.36)) + normal(0, 1.6, 2) + normal(3, 0.4, 2), "ar(1)")
do
  local phi1, phi2, sigma = 0.5, -0.3, 1.5
  local gamma0 = sigma ^ 2 * (1 - phi2) / ((1 + phi2) * ((1 - phi2) ^ 2 - phi1 ^ 2))
  local rho = phi1 / (1 - phi2)
  local P = borel.array { { gamma0, gamma0 * rho }, { gamma0 * rho, gamma0 } }
  close(dist.ar(3, { phi1, phi2 }, 1, sigma):logdensity { 2, 0, 3 },
    -LOG_2PI - 0.5 * math.log(det(P)) - 0.5 * quadratic(1, -1, P) + normal(3, 1 + phi1 * -1 + phi2 * 1, sigma), "ar(2)")
end
local K2 = borel.array { { 2, 1.5 }, { 1.5, 2 } }
close(dist.gaussian_process({ 0, 1 }, K2, 0.25):logdensity { 1, 0 }, dist.multi_normal({ 0, 1 }, K2 + 0.5 * borel.diag { 1,
  1 }):logdensity { 1, 0 },
  "gaussian_process")
close(dist.gaussian_process(0.5, K2):logdensity { 1, 0 }, dist.gaussian_process({ 0.5, 0.5 }, K2, 1e-9):logdensity { 1, 0 },
  "gaussian_process: defaults")
-- (a, -a): sqrt(2) a is normal(0, sigma).
close(dist.zero_sum_normal(2, 1.5):logdensity { 0.7, -0.7 }, normal(0.7 * math.sqrt(2), 0, 1.5), "zero_sum_normal")

-- Every law with leading axes agrees with itself one at a time.
local function batch(d, one, x)
  local lp, total = d:logdensity(x), 0
  check(#lp.shape == 2, "%s: shape of a batch", d.law.name)
  for i = 1, 2 do
    for j = 1, 2 do
      close(lp[{ i, j }], one(j):logdensity(x[i][j]), d.law.name .. " in a batch")
      total = total + 1
    end
  end
end
local two = borel.array { { { 0.2, 0.8 }, { 0.4, 0.6 } }, { { 0.5, 0.5 }, { 0.9, 0.1 } } }
batch(dist.dirichlet { { 1, 2 }, { 3, 0.5 } }:iid(2), function(j) return dist.dirichlet(j == 1 and { 1, 2 } or { 3, 0.5 }) end, two)
batch(dist.multi_normal({ 1, 2 }, S):iid(2, 2), function() return dist.multi_normal({ 1, 2 }, S) end, two)
batch(dist.multi_normal({ { 1, 2 }, { 0, 0 } }, S):iid(2), function(j) return dist.multi_normal(j == 1 and { 1, 2 } or { 0,
  0 }, S) end, two)
batch(dist.multi_normal({ 1, 2 }, borel.stack { S, X }:reshape { 2, 2, 2 }):iid(2), function(j) return dist.multi_normal({ 1,
  2 }, j == 1 and S or X) end, two)
batch(dist.multi_normal_precision({ 1, 2 }, S):iid(2, 2), function() return dist.multi_normal_precision({ 1, 2 }, S) end, two)
batch(dist.multi_student_t(borel.array { 2, 5 }, { 1, 2 }, S):iid(2),
  function(j) return dist.multi_student_t(j == 1 and 2 or 5, { 1, 2 }, S) end, two)
local counts = borel.array { { { 1, 2 }, { 0, 5 } }, { { 3, 0 }, { 5, 0 } } }
batch(dist.multinomial({ 3, 5 }, { 0.3, 0.7 }):iid(2), function(j) return dist.multinomial(j == 1 and 3 or 5, { 0.3, 0.7 }) end, counts)
batch(dist.dirichlet_multinomial({ 3, 5 }, { 0.3, 0.7 }):iid(2),
  function(j) return dist.dirichlet_multinomial(j == 1 and 3 or 5, { 0.3, 0.7 }) end, counts)
batch(dist.zero_sum_normal(2, { 1, 2 }):iid(2), function(j) return dist.zero_sum_normal(2, j) end,
  borel.array { { { 1, -1 }, { 2, -2 } }, { { 0, 0 }, { 3, -3 } } })

-- ---- derivatives in value and parameters, and parameters out of range -----------------------------------------------

local function evaluate(fn, u)
  local model = borel.model(function() borel.factor(fn(borel.sample("u", dist.flat():iid(#u)))) end)
  return model:trace(nil, "interpreter").target:evaluate(u, {})
end
local function pair(a, b, c) return borel.stack { a, b, b, c }:reshape { 2, 2 } end
local function factor_of(a, b, c) return borel.stack { a, 0, b, c }:reshape { 2, 2 } end
local function shares(u) return borel.exp(u - borel.log_sum_exp(u)) end
local v2 = function(u, k) return u:slice(k, k + 1) end
local smooth = {
  dirichlet = { function(u) return dist.dirichlet(borel.exp(u:slice(4, 6))):logdensity(shares(u:slice(1, 3))) end, { 0.1, 0.5,
    -0.2, 0.3, -0.7, 1 } },
  multinomial = { function(u) return dist.multinomial(6, shares(u)):logdensity { 1, 2, 3 } end, { 0.1, 0.5, -0.2 } },
  dirichlet_multinomial = { function(u) return dist.dirichlet_multinomial(6, borel.exp(u)):logdensity { 1, 5, 0 } end, { 0.1,
    0.5, -0.2 } },
  multi_normal = { function(u) return dist.multi_normal(v2(u, 1), pair(u[3], u[4], u[5])):logdensity(v2(u, 6)) end, { 0, 1, 2,
    0.5, 1.5, 1, 3 } },
  multi_normal_cholesky = { function(u) return dist.multi_normal_cholesky(v2(u, 1), factor_of(u[3], u[4], u[5])):logdensity(v2(u, 6)) end,
    { 0, 1, 2, 0.5, 1.5, 1, 3 } },
  multi_normal_precision = { function(u) return dist.multi_normal_precision(v2(u, 1), pair(u[3], u[4], u[5])):logdensity(v2(u, 6)) end,
    { 0, 1, 2, 0.5, 1.5, 1, 3 } },
  multi_student_t = { function(u) return dist.multi_student_t(u[8], v2(u, 1), pair(u[3], u[4], u[5])):logdensity(v2(u, 6)) end,
    { 0, 1, 2, 0.5, 1.5, 1, 3, 4 } },
  wishart = { function(u) return dist.wishart(u[1], pair(u[2], u[3], u[4])):logdensity(pair(u[5], u[6], u[7])) end, { 3.5, 2,
    0.5, 1.5, 3, -1, 4 } },
  inverse_wishart = { function(u) return dist.inverse_wishart(u[1], pair(u[2], u[3], u[4])):logdensity(pair(u[5], u[6], u[7])) end,
    { 3.5, 2, 0.5, 1.5, 3, -1, 4 } },
  lkj = { function(u) return dist.lkj(2, u[1]):inside(pair(1, u[2], 1)) end, { 1.7, 0.4 } },
  lkj_cholesky = { function(u) return dist.lkj_cholesky(2, u[1]):inside(factor_of(1, u[2], borel.sqrt(1 - u[2] * u[2]))) end,
    { 1.7, 0.4 } },
  gaussian_process = { function(u) return dist.gaussian_process(u[1], pair(u[2], u[3], u[4])):logdensity(v2(u, 5)) end, { 0.3,
    2, 0.5, 1.5, 1, 3 } },
  gaussian_random_walk = { function(u) return dist.gaussian_random_walk(2, u[1], u[2], u[3]):logdensity(v2(u, 4)) end, { 0.3,
    0.2, 1.5, 1, 3 } },
  ar = { function(u) return dist.ar(4, v2(u, 1), u[3], u[4]):logdensity(u:slice(5, 8)) end, { 0.5, -0.3, 0.2, 1.5, 1, 3, 0, 2 } },
  zero_sum_normal = { function(u) return dist.zero_sum_normal(2, u[1]):inside(borel.stack { u[2], -u[2] }) end, { 1.5, 0.4 } },
}
for name, case in pairs(smooth) do
  local fn, u = case[1], case[2]
  local value, gradient = evaluate(fn, u)
  check(value - value == 0, "%s: density %g", name, value)
  for i = 1, #u do -- central differences of step 1e-5: truncation and rounding are some 1e-9
    local high, low = { table.unpack(u) }, { table.unpack(u) }
    high[i], low[i] = u[i] + 1e-5, u[i] - 1e-5
    local slope = ((evaluate(fn, high)) - (evaluate(fn, low))) / 2e-5
    check(math.abs(gradient[i] - slope) < 1e-7 * (1 + math.abs(slope)), "%s: derivative %d is %g, differences %g", name, i,
      gradient[i], slope)
  end
end
local function refused(what, fn, u)
  local value = evaluate(fn, u)
  check(value ~= value or value == -math.huge, "%s has density %g", what, value)
end
refused("dirichlet with a negative shape", function(u) return dist.dirichlet(u):logdensity { 0.5, 0.5 } end, { -1.5, 1 })
refused("dirichlet_multinomial with a negative shape", function(u) return dist.dirichlet_multinomial(2, u):logdensity { 1,
  1 } end, { -1.5, 1 })
refused("wishart with nu below K - 1", function(u) return dist.wishart(u[1], S):logdensity(X) end, { 0.5 })
refused("inverse_wishart with nu below K - 1", function(u) return dist.inverse_wishart(u[1], S):logdensity(X) end, { 0.5 })
refused("multi_normal that is not definite", function(u) return dist.multi_normal({ 0, 0 }, pair(1, u[1], 1)):logdensity { 1,
  1 } end, { 1.5 })
refused("lkj with a negative shape", function(u) return dist.lkj(2, u[1]):logdensity(pair(1, 0.5, 1)) end, { -0.5 })
refused("a process that explodes", function(u) return dist.ar(4, u, 0, 1):logdensity { 1, 1, 1, 1 } end, { 1.2 })
refused("zero_sum_normal with a negative scale", function(u) return dist.zero_sum_normal(2, u[1]):logdensity { 1, -1 } end, { -1 })
refused("multi_student_t with negative degrees", function(u) return dist.multi_student_t(u[1], { 0, 0 }, S):logdensity { 1,
  1 } end, { -3.3 })

-- ---- samplers ------------------------------------------------------------------------------------------------

local DRAWS = 2000
local function draws(d, seed)
  local choice = core.philox(core.stream_key(seed, "laws", d.law.name), 0)
  local all = {}
  for i = 1, DRAWS do all[i] = d:draw(choice) end
  return all
end

-- Kolmogorov's distance of u from the uniform law.
local function uniform(u, what)
  table.sort(u)
  local D, n = 0, #u
  for i, x in ipairs(u) do D = math.max(D, i / n - x, x - (i - 1) / n) end
  check(D * math.sqrt(n) < 2.69, "%s: Kolmogorov distance %g (%g)", what, D, D * math.sqrt(n))
end
local function uncorrelated(a, b, what)
  local sum = 0
  for i = 1, #a do sum = sum + 12 * (a[i] - 0.5) * (b[i] - 0.5) end
  check(math.abs(sum) / math.sqrt(#a) < 4.9, "%s: dependent (%g)", what, sum / math.sqrt(#a))
end
local function phi(z) return 0.5 * borel.erfc(-z / math.sqrt(2)) end
local function each(all, fn)
  local out = {}
  for i, x in ipairs(all) do out[i] = fn(x) end
  return out
end
-- Rosenblatt's transformation of independent standard normals, from z(x).
local function standard(all, K, z, what)
  local columns = {}
  for k = 1, K do columns[k] = {} end
  for i, x in ipairs(all) do
    local v = z(x)
    for k = 1, K do columns[k][i] = phi(v[k]) end
  end
  for k = 2, K do uncorrelated(columns[1], columns[k], what) end
  for k = 1, K do uniform(columns[k], what) end
end

local mu, LS = borel.array { 1, -2 }, borel.cholesky(S)
for _, d in ipairs { dist.multi_normal(mu, S), dist.multi_normal_cholesky(mu, LS), dist.multi_normal_precision(mu, inverse(S)),
  dist.gaussian_process(mu, S) } do
  standard(draws(d, 1), 2, function(x) return borel.solve_triangular(LS, x - mu) end, d.law.name)
end
-- Squares of t: P(q <= t) = 1 - (1 + t / nu)^(-nu / 2) for two; the direction is uniform.
local t_draws = each(draws(dist.multi_student_t(3, mu, S), 2), function(x) return borel.solve_triangular(LS, x - mu) end)
uniform(each(t_draws, function(z) return 1 - (1 + (z[1] ^ 2 + z[2] ^ 2) / 3) ^ -1.5 end), "multi_student_t")
uniform(each(t_draws, function(z) return math.atan(z[2], z[1]) / (2 * math.pi) + 0.5 end), "multi_student_t: direction")

local p = draws(dist.dirichlet { 1, 1, 1 }, 3) -- x_1 ~ Beta(1, 2), x_2 / (1 - x_1) uniform
local first, second = each(p, function(x) return 1 - (1 - x[1]) ^ 2 end), each(p, function(x) return x[2] / (1 - x[1]) end)
uncorrelated(first, second, "dirichlet")
uniform(first, "dirichlet")
uniform(second, "dirichlet")
uniform(each(draws(dist.dirichlet { 0.5, 0.5 }, 4), function(x) return 2 / math.pi * math.asin(math.sqrt(x[1])) end),
  "dirichlet: arcsine")
uniform(each(draws(dist.dirichlet { 3, 1 }, 5), function(x) return x[1] ^ 3 end), "dirichlet: x^3")
local halves = 0 -- shapes so small that gamma variates vanish
for _, x in ipairs(draws(dist.dirichlet { 0.001, 0.001 }, 6)) do
  check(x[1] >= 0 and math.abs(x[1] + x[2] - 1) < 1e-12, "dirichlet: small shapes")
  halves = halves + (x[1] < 0.5 and 1 or 0)
end
check(math.abs(halves - DRAWS / 2) < 4.9 * math.sqrt(DRAWS / 4), "dirichlet: small shapes, %d in the lower half", halves)

-- Counts: chi-square of all 10 outcomes of 3 in 3 kinds: 44.81 is its 1 - 1e-6 quantile for 9 degrees of freedom.
for _, d in ipairs { dist.multinomial(3, { 0.2, 0.3, 0.5 }), dist.dirichlet_multinomial(3, { 0.7, 1.2, 2 }) } do
  local seen, square, mass = {}, 0, 0
  for _, x in ipairs(draws(d, 7)) do
    local key = ("%d %d"):format(x[1], x[2])
    seen[key] = (seen[key] or 0) + 1
  end
  for a = 0, 3 do
    for b = 0, 3 - a do
      local expected = math.exp(d:logdensity { a, b, 3 - a - b })
      mass = mass + expected
      square = square + ((seen[("%d %d"):format(a, b)] or 0) - DRAWS * expected) ^ 2 / (DRAWS * expected)
    end
  end
  close(mass, 1, d.law.name .. ": mass")
  check(square < 44.81, "%s: chi-square %g", d.law.name, square)
end

-- Wishart: the factor of L^-1 W L^-T has independent entries (Bartlett): chi-squares of nu and nu - 1, a normal. An even
-- number of degrees has a closed form: of 4, F(x) = 1 - (1 + x / 2) exp(-x / 2).
local function chi4(x) return 1 - (1 + x / 2) * math.exp(-x / 2) end
local function bartlett(scale, turn)
  local L = borel.cholesky(scale)
  return function(x)
    local half = borel.solve_triangular(L, turn and inverse(x) or x)
    return borel.cholesky(borel.solve_triangular(L, half:t()))
  end
end
for _, nu in ipairs { 4, 5 } do
  for _, name in ipairs { "wishart", "wishart_cholesky", "inverse_wishart", "inverse_wishart_cholesky" } do
    local turn, factored = name:find "^inverse", name:find "cholesky$"
    local all = draws(dist[name](nu, factored and LS or S), nu)
    if factored then all = each(all, function(L) return borel.matmul(L, L:t()) end) end
    local A = each(all, bartlett(turn and inverse(S) or S, turn))
    local at = nu == 4 and 1 or 2
    local square = each(A, function(a) return chi4(a[{ at, at }] ^ 2) end)
    local below = each(A, function(a) return phi(a[{ 2, 1 }]) end)
    uncorrelated(square, below, name)
    uniform(square, name)
    uniform(below, name)
  end
end

-- LKJ: each correlation is 2 Beta(b, b) - 1, b = eta - 1 + n / 2: uniform for (3, 1/2); Beta(2, 2) for (4, 1).
for _, name in ipairs { "lkj", "lkj_cholesky" } do
  local function correlation(i, j)
    return function(x)
      local R = name == "lkj" and x or borel.matmul(x, x:t())
      return R[{ i, j }]
    end
  end
  local three, four = draws(dist[name](3, 0.5), 11), draws(dist[name](4, 1), 12)
  for _, at in ipairs { { 2, 1 }, { 3, 1 }, { 3, 2 } } do
    uniform(each(each(three, correlation(at[1], at[2])), function(c) return 0.5 * (1 + c) end), name)
  end
  for _, at in ipairs { { 2, 1 }, { 4, 1 }, { 4, 3 } } do
    uniform(each(each(four, correlation(at[1], at[2])), function(c)
      local b = 0.5 * (1 + c)
      return b * b * (3 - 2 * b)
    end), name)
  end
end

standard(draws(dist.gaussian_random_walk(3, 1, 0.5, 2), 13), 3, function(x)
  return { (x[1] - 1.5) / 2, (x[2] - x[1] - 0.5) / 2, (x[3] - x[2] - 0.5) / 2 }
end, "gaussian_random_walk")
do
  local phi1, phi2 = 0.5, -0.3
  local gamma0, rho = (1 - phi2) / ((1 + phi2) * ((1 - phi2) ^ 2 - phi1 ^ 2)), phi1 / (1 - phi2)
  standard(draws(dist.ar(4, { phi1, phi2 }, 1, 2), 14), 4, function(x)
    local d = { (x[1] - 1) / 2, (x[2] - 1) / 2, (x[3] - 1) / 2, (x[4] - 1) / 2 }
    return { d[1] / math.sqrt(gamma0), (d[2] - rho * d[1]) / math.sqrt(gamma0 * (1 - rho * rho)), d[3] - phi1 * d[2] - phi2 * d[1],
      d[4] - phi1 * d[3] - phi2 * d[2] }
  end, "ar")
end
local zero_sum = dist.zero_sum_normal(3, 2)
standard(draws(zero_sum, 15), 2, function(x) return zero_sum:unconstrain(x) / 2 end, "zero_sum_normal")

-- ---- edges -----------------------------------------------------------------------------------------------------

local inf = math.huge
check(dist.dirichlet { 1, 1 }:logdensity { 0.6, 0.5 } == -inf, "dirichlet: no simplex")
check(dist.dirichlet { 1, 2 }:logdensity { 1, 0 } == -inf, "dirichlet: the corner where its density is 0")
close(dist.dirichlet { 2, 1 }:logdensity { 1, 0 }, math.log(2), "dirichlet: the other corner")
check(dist.dirichlet { 3 }:logdensity { 1 } == 0, "dirichlet of one")
check(dist.multinomial(3, { 0.5, 0.5 }):logdensity { 1, 1 } == -inf, "multinomial: too few")
check(dist.multinomial(3, { 0.5, 0.5 }):logdensity { 4, -1 } == -inf, "multinomial: negative")
check(dist.multinomial(3, { 0.5, 0.5 }):logdensity { 1.5, 1.5 } == -inf, "multinomial: halves")
check(dist.multinomial(3, { 1, 0 }):logdensity { 2, 1 } == -inf and dist.multinomial(3, { 1, 0 }):logdensity { 3, 0 } == 0,
  "multinomial: certain")
check(dist.multinomial(0, { 0.5, 0.5 }):logdensity { 0, 0 } == 0, "multinomial: nothing")
check(dist.wishart(3, S):logdensity { { 1, 2 }, { 2, 1 } } == -inf, "wishart: not positive definite")
check(dist.lkj(2, 1):logdensity { { 1, 0.5 }, { 0.4, 1 } } == -inf, "lkj: not symmetric")
check(dist.zero_sum_normal(2, 1):logdensity { 1, 1 } == -inf, "zero_sum_normal: another sum")

raises("multi_normal: sigma is not symmetric: elements that must be equal differ by 0.5", dist.multi_normal, { 0, 0 }, { { 1,
  0.5 }, { 0, 1 } })
raises("multi_normal: sigma is not positive definite", dist.multi_normal, { 0, 0 }, { { 1, 2 }, { 2, 1 } })
raises("multi_normal: mu has 3 elements, sigma has 2 rows", dist.multi_normal, { 0, 0, 0 }, S)
raises("multi_normal: sigma must be a square matrix, its shape is [1, 2]", dist.multi_normal, { 0, 0 }, { { 1, 2 } })
raises("multi_normal: sigma must be a matrix, its shape is [2]", dist.multi_normal, { 0, 0 }, { 1, 1 })
raises("multi_normal: mu must be a vector, its shape is []", dist.multi_normal, 0, S)
raises("multi_normal_cholesky: L must be lower triangular", dist.multi_normal_cholesky, { 0, 0 }, S)
raises("multi_normal_cholesky: L must have a positive diagonal", dist.multi_normal_cholesky, { 0, 0 }, { { 1, 0 }, { 1, 0 } })
raises("multi_normal_precision: omega is not positive definite", dist.multi_normal_precision, { 0, 0 }, { { 0, 0 }, { 0, 0 } })
raises("multi_student_t: nu is -1, must be positive", dist.multi_student_t, -1, { 0, 0 }, S)
raises("dirichlet: alpha is 0 at place 2, must be positive", dist.dirichlet, { 1, 0 })
raises("multinomial: p must be probabilities that sum to 1, the sum is off by 0.1", dist.multinomial, 3, { 0.5, 0.4 })
raises("multinomial: n is 2.5, must be a known whole number of at least 0", dist.multinomial, 2.5, { 0.5, 0.5 })
raises("wishart: nu is 1, must be above 1", dist.wishart, 1, S)
raises("wishart: nu is 1, must be above 1", dist.wishart, borel.array { 3, 1 }, S)
raises("lkj: n is 100000, must be at most 3000", dist.lkj, 100000, 1)
raises("gaussian_process: jitter is -1, must be at least 0", dist.gaussian_process, 0, S, -1)
raises("inverse_wishart: S is not positive definite", dist.inverse_wishart, 3, { { 1, 2 }, { 2, 1 } })
raises("lkj: n is 1, must be a known whole number of at least 2", dist.lkj, 1, 1)
raises("lkj_cholesky: eta is 0, must be positive", dist.lkj_cholesky, 2, 0)
raises("ar: phi is not that of a stationary process", dist.ar, 5, { 1.1 }, 0, 1)
raises("ar: n is 2, must be a known whole number of at least 3", dist.ar, 2, { 0.1, 0.1 }, 0, 1)
raises("gaussian_process: mean has 3 elements, covariance has 2 rows", dist.gaussian_process, { 0, 0, 0 }, S)
raises("gaussian_random_walk: sigma is 0, must be positive", dist.gaussian_random_walk, 3, 0, 0, 0)
