-- SPDX-License-Identifier: MIT
--- Supports of K x K matrices: covariance and correlation matrices and their lower Cholesky factors. The
-- coordinates are a vector; what a support has is said in borel/support.lua.
--
-- A correlation factor has rows of length 1. Row i is made from canonical partial correlations z_ij = tanh(u_ij),
-- j < i: l_ij = z_ij sqrt(1 - l_i1^2 - ... - l_i,j-1^2), and what is left is l_ii (Lewandowski, Kurowicka and Joe
-- 2009, Journal of Multivariate Analysis 100, section 2, in the form of rows).
local core = require "borel.core"
local support = require "borel.support"

local CLOSE = 1e-8 -- how far unit diagonals and symmetry of data may be off, relative to the largest element

-- ---- constants of one size, made once ------------------------------------------------------------------------------

-- place[i][j] of a lower triangle in the stack {0, u}: row by row, without or with the diagonal.
local function places(K, diagonal)
  local rows, at = {}, 1
  for i = 1, K do
    rows[i] = {}
    for j = 1, K do
      local inside = j < i or diagonal and j == i
      if inside then at = at + 1 end
      rows[i][j] = inside and at or 1
    end
  end
  return core.array(rows)
end

local function matrix(K, element)
  local rows = {}
  for i = 1, K do
    rows[i] = {}
    for j = 1, K do rows[i][j] = element(i, j) and 1.0 or 0.0 end
  end
  return core.array(rows)
end

local kept = setmetatable({}, { __mode = "v" })
local function constants(K)
  if kept[K] then return kept[K] end
  local below, lower = {}, {} -- places, 1-based and flat, of a triangle's elements
  for i = 1, K do
    for j = 1, i do
      lower[#lower + 1] = (i - 1) * K + j
      if j < i then below[#below + 1] = (i - 1) * K + j end
    end
  end
  local rest = {}
  for i = 1, K do rest[i] = (K - i) * 1.0 end
  kept[K] = {
    strict = places(K, false), full = places(K, true),
    below = #below > 0 and core.array(below), lower = core.array(lower),
    eye = matrix(K, function(i, j) return i == j end),
    is_below = matrix(K, function(i, j) return j < i end),
    before = matrix(K, function(k, j) return k < j end), -- X before: sums of what stands left of an element
    after = matrix(K, function(k, j) return k > j end),
    rest = core.array(rest), -- elements below the diagonal in column k
  }
  return kept[K]
end

local function flat(x) return x:reshape { x.size } end
local function sides(shape, name)
  if shape[#shape] ~= shape[#shape - 1] then
    core.error(("%s: needs a square matrix, got shape [%d, %d]"):format(name, shape[#shape - 1], shape[#shape]))
  end
  return shape[#shape]
end

local function free_pairs(name)
  return function(shape)
    local K = sides(shape, name)
    if K == 1 then core.error(name .. ": a matrix of one row can only be 1, which leaves nothing to infer") end
    return { K * (K - 1) // 2 }
  end
end
local function free_triangle(name)
  return function(shape)
    local K = sides(shape, name)
    return { K * (K + 1) // 2 }
  end
end

-- ---- correlation factors ----------------------------------------------------------------------------------------------

-- The factor, the logs of its diagonal, and the log-determinant from coordinates to elements below the diagonal.
local function correlation_factor(u, K)
  local c = constants(K)
  local spread = core.stack { 0.0, u }[c.strict] -- 0 on and above the diagonal
  local size = core.abs(spread)
  local log_rest = -2 * (size + core.log1p(core.exp(-2 * size)) - math.log(2)) -- log(1 - tanh^2)
  local log_left = core.matmul(log_rest, c.before) -- log(1 - l_i1^2 - ... - l_i,j-1^2)
  local factor = (core.tanh(spread) + c.eye) * core.exp(0.5 * log_left)
  return factor, 0.5 * log_left:diagonal(), core.sum(log_rest) + 0.5 * core.sum(log_left * c.is_below)
end

-- asinh, accurate for small numbers
local function asinh(x)
  local a = core.abs(x)
  return core.sign(x) * core.log1p(a + a * a / (1 + core.sqrt(1 + a * a)))
end

-- sinh(u_ij) = l_ij / sqrt(l_i,j+1^2 + ... + l_ii^2): what is left of the row, without a difference from 1.
local function correlation_coordinates(l)
  local K = #l
  local c = constants(K)
  local left = core.matmul(l * l, c.after)
  return asinh(flat(l)[c.below] / core.sqrt(flat(left)[c.below]))
end

local function above_diagonal(i, j) return j > i end

local function near(a, b, size) return core.le(core.maximum(core.abs(a - b)), CLOSE * size) end
local function is_factor(l)
  local upper = core.maximum(core.abs(l - core.tril(l)))
  return core.logical_and(core.eq(upper, 0), core.gt(-core.maximum(-l:diagonal()), 0))
end
local function is_covariance(x)
  local size = core.maximum(core.abs(x))
  return core.logical_and(near(x, x:t(), size), core.is_finite(core.sum(core.cholesky(x))))
end

--- Lower factors of correlation matrices: rows of length 1, positive diagonal.
support.correlation_cholesky = {
  name = "correlation_cholesky", rank = 2,
  free = free_pairs "correlation_cholesky",
  constant = function(i, j) return j > i or i == 1 end,
  constrain = function(u, shape)
    local factor, _, log_jacobian = correlation_factor(u, shape[#shape])
    return factor, log_jacobian
  end,
  unconstrain = correlation_coordinates,
  contains = function(l) return core.logical_and(is_factor(l), near(core.sum(l * l, 2), 1, 1)) end,
}

--- Correlation matrices: symmetric, positive definite, diagonal 1. From the factor to the elements below the
-- diagonal of L L', element (i, j) brings l_jj.
support.correlation = {
  name = "correlation", rank = 2,
  free = free_pairs "correlation",
  constant = function(i, j) return i == j end,
  constrain = function(u, shape)
    local K = shape[#shape]
    local factor, log_diagonal, log_jacobian = correlation_factor(u, K)
    local c = constants(K)
    local product = core.matmul(factor, factor:t())
    product = product * (1 - c.eye) + c.eye -- exactly 1
    return product, log_jacobian + core.sum(c.rest * log_diagonal)
  end,
  unconstrain = function(x) return correlation_coordinates(core.cholesky(x)) end,
  contains = function(x) return core.logical_and(is_covariance(x), near(x:diagonal(), 1, 1)) end,
}

-- ---- covariance factors ---------------------------------------------------------------------------------------------------

-- The factor, whose diagonal is exp(u_ii), and the logs of its diagonal.
local function covariance_factor(u, K)
  local c = constants(K)
  local spread = core.stack { 0.0, u }[c.full]
  local log_diagonal = spread:diagonal()
  return spread * c.is_below + core.diag(core.exp(log_diagonal)), log_diagonal
end

local function covariance_coordinates(l)
  local K = #l
  local c = constants(K)
  return flat(l * c.is_below + core.diag(core.log(l:diagonal())))[c.lower]
end

--- Lower triangular matrices with positive diagonal.
support.covariance_cholesky = {
  name = "covariance_cholesky", rank = 2,
  free = free_triangle "covariance_cholesky",
  constant = above_diagonal,
  constrain = function(u, shape)
    local factor, log_diagonal = covariance_factor(u, shape[#shape])
    return factor, core.sum(log_diagonal)
  end,
  unconstrain = covariance_coordinates,
  contains = is_factor,
}

--- Symmetric positive definite matrices, as L L'. From the factor to the lower triangle of the product, element
-- (i, j) brings l_jj, those of the diagonal twice it.
support.covariance = {
  name = "covariance", rank = 2,
  free = free_triangle "covariance",
  constrain = function(u, shape)
    local K = shape[#shape]
    local factor, log_diagonal = covariance_factor(u, K)
    return core.matmul(factor, factor:t()), core.sum((constants(K).rest + 2) * log_diagonal) + K * math.log(2)
  end,
  unconstrain = function(x) return covariance_coordinates(core.cholesky(x)) end,
  contains = is_covariance,
}

support.correlation_factor = correlation_factor
support.is_covariance = is_covariance

return support
