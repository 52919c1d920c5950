-- SPDX-License-Identifier: MIT
--- Laws of matrices: Wishart and inverse Wishart on covariance matrices, LKJ on correlation matrices. Densities are
-- with respect to the free elements of the lower triangle.
local core = require "borel.core"
local handler = require "borel.handler"
local known = require "borel.laws.known"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local LOG_2, LOG_PI = math.log(2), 1.1447298858494001741

local function shape_of(_, S) return { #S, #S } end
local function log_diagonal(L) return core.sum(core.log(core.diagonal(L))) end

-- ---- Wishart ---------------------------------------------------------------------------------------------------

-- log of the multivariate gamma function of order K at nu / 2.
local function log_gamma(K, nu)
  local sum = 0.25 * K * (K - 1) * LOG_PI
  for i = 1, K do sum = sum + core.lgamma(0.5 * (nu + 1 - i)) end
  return sum
end

local function check_degrees(law, nu, K)
  if core.is_symbolic(nu) or not handler.checks() then return end
  for _, value in ipairs(shapes.flat(nu)) do
    if value <= K - 1 then
      core.error(("%s: nu is %g, must be above %d, the number of rows less 1"):format(law, value, K - 1))
    end
  end
end

-- The check of a law with parameters nu and a matrix.
local function degrees_and(check, law, name)
  return function(nu, matrix)
    check(law, name, matrix)
    check_degrees(law, nu, matrix.shape[#matrix.shape])
  end
end

-- The lower A with A A' ~ wishart(nu, I) (Bartlett 1933).
local function bartlett(choice, nu, K)
  local rows = {}
  for i = 1, K do
    rows[i] = {}
    for j = 1, K do rows[i][j] = j < i and choice:normal() or 0.0 end
    rows[i][i] = math.sqrt(2 * choice:gamma(0.5 * (nu - i + 1)))
  end
  return core.array(rows)
end

-- Densities at L L' with scale matrix LS LS'.
local function wishart(L, nu, LS)
  local K, trace = #LS, core.sum(core.square(core.solve_triangular(LS, L))) -- of S^-1 L L'
  local lp = (nu - K - 1) * log_diagonal(L) - 0.5 * trace - nu * (0.5 * K * LOG_2 + log_diagonal(LS)) - log_gamma(K, nu)
  return known.where(core.gt(nu, K - 1), lp)
end
local function inverse_wishart(L, nu, LS)
  local K, trace = #LS, core.sum(core.square(core.solve_triangular(L, LS))) -- of S (L L')^-1
  local lp = nu * (log_diagonal(LS) - 0.5 * K * LOG_2) - log_gamma(K, nu) - (nu + K + 1) * log_diagonal(L) - 0.5 * trace
  return known.where(core.gt(nu, K - 1), lp)
end

-- From L to the lower triangle of L L': 2^K times l_ii^(K - i + 1).
local function log_jacobian(L)
  local K = #L
  return K * LOG_2 + core.sum((core.range(1, K) * -1.0 + (K + 1)) * core.log(core.diagonal(L)))
end

local function wishart_factor(choice, nu, LS) return core.matmul(LS, bartlett(choice, nu, #LS)) end
-- M with M' M ~ inverse_wishart.
local function inverse_wishart_root(choice, nu, LS) return core.solve_triangular(bartlett(choice, nu, #LS), LS:t()) end

--- wishart(nu, S): sums of nu squares: mean nu S; nu above K - 1, S [K, K] positive definite.
define {
  name = "wishart", params = { "nu", { name = "S", rank = 2 } }, event = shape_of, support = support.covariance,
  check = degrees_and(known.covariance, "wishart", "S"),
  logdensity = function(x, nu, S) return wishart(core.cholesky(x), nu, core.cholesky(S)) end,
  draw = function(choice, nu, S)
    local A = wishart_factor(choice, nu, core.cholesky(S))
    return core.matmul(A, A:t())
  end,
}

--- wishart_cholesky(nu, L_S): the lower factor of a wishart(nu, L_S L_S').
define {
  name = "wishart_cholesky", params = { "nu", { name = "L_S", rank = 2 } }, event = shape_of, support = support.covariance_cholesky,
  check = degrees_and(known.factor, "wishart_cholesky", "L_S"),
  logdensity = function(L, nu, LS) return wishart(L, nu, LS) + log_jacobian(L) end,
  draw = wishart_factor,
}

--- inverse_wishart(nu, S): the inverse of a wishart(nu, S^-1): mean S / (nu - K - 1).
define {
  name = "inverse_wishart", params = { "nu", { name = "S", rank = 2 } }, event = shape_of, support = support.covariance,
  check = degrees_and(known.covariance, "inverse_wishart", "S"),
  logdensity = function(x, nu, S) return inverse_wishart(core.cholesky(x), nu, core.cholesky(S)) end,
  draw = function(choice, nu, S)
    local M = inverse_wishart_root(choice, nu, core.cholesky(S))
    return core.matmul(M:t(), M)
  end,
}

--- inverse_wishart_cholesky(nu, L_S): the lower factor of an inverse_wishart(nu, L_S L_S').
define {
  name = "inverse_wishart_cholesky", params = { "nu", { name = "L_S", rank = 2 } }, event = shape_of,
  support = support.covariance_cholesky, check = degrees_and(known.factor, "inverse_wishart_cholesky", "L_S"),
  logdensity = function(L, nu, LS) return inverse_wishart(L, nu, LS) + log_jacobian(L) end,
  draw = function(choice, nu, LS)
    local M = inverse_wishart_root(choice, nu, LS)
    return core.cholesky(core.matmul(M:t(), M))
  end,
}

-- ---- LKJ ----------------------------------------------------------------------------------------------------------

-- log of the integral of det(R)^(eta - 1) over correlation matrices: Lewandowski, Kurowicka and Joe 2009, eq. 16.
local function log_volume(n, eta)
  local sum = 0
  for k = 1, n - 1 do
    local b = eta + 0.5 * (n - k - 1)
    sum = sum + (n - k) * ((2 * eta - 2 + n - k) * LOG_2 + 2 * core.lgamma(b) - core.lgamma(2 * b))
  end
  return sum
end

-- The factor from partial correlations: that of j and i given 1 .. j - 1 is 2 Beta(b, b) - 1 with
-- b = eta + (n - j - 1) / 2 (section 2.4 there).
local function lkj_draw(choice, n, eta)
  local rows = {}
  for i = 1, n do
    local left, row = 1, {}
    for j = 1, n do
      local b = eta + 0.5 * (n - j - 1)
      local z = j < i and 2 * choice:beta(b, b) - 1 or j == i and 1 or 0
      row[j] = z * math.sqrt(left)
      left = left * (1 - z * z)
    end
    rows[i] = row
  end
  return core.array(rows)
end

local function square(n) return { math.tointeger(n), math.tointeger(n) } end
local eta_positive = { name = "eta", check = "positive" }

--- lkj(n, eta): n x n correlation matrices, density proportional to det^(eta - 1); eta = 1 is uniform.
define {
  name = "lkj", params = { "n", eta_positive }, event = square, support = support.correlation,
  check = function(n) known.whole("lkj", "n", n, 2, known.MOST_ROWS) end,
  logdensity = function(x, n, eta)
    return known.where(core.gt(eta, 0), 2 * (eta - 1) * log_diagonal(core.cholesky(x)) - log_volume(n, eta))
  end,
  draw = function(choice, n, eta)
    local L = lkj_draw(choice, n, eta)
    return core.matmul(L, L:t())
  end,
}

--- lkj_cholesky(n, eta): the lower factor L of an lkj(n, eta) matrix: element (i, j) of L L' brings l_jj.
define {
  name = "lkj_cholesky", params = { "n", eta_positive }, event = square, support = support.correlation_cholesky,
  check = function(n) known.whole("lkj_cholesky", "n", n, 2, known.MOST_ROWS) end,
  logdensity = function(L, n, eta)
    local logs, power = core.log(core.diagonal(L)), core.range(1, n) * -1.0 + (n + 2 * eta - 2)
    return known.where(core.gt(eta, 0), core.sum(power * logs) - log_volume(n, eta))
  end,
  draw = lkj_draw,
}
