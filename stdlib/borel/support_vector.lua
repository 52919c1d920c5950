-- SPDX-License-Identifier: MIT
--- Supports of vectors: simplex, sum-to-zero, unit vector, positive increasing. What a support has is said in
-- borel/support.lua; the axis of the vector is the last one, and all but the last cope with leading axes.
local core = require "borel.core"
local support = require "borel.support"

local CLOSE = 1e-8 -- how far sums of data may be from 1 or 0: decimals in a file are rounded

local function sum_last(x) return core.sum(x, #x.shape) end

-- What sum_last made of x, ready to stand beside x again.
local function beside(s)
  if type(s) == "number" or #s.shape == 0 then return s end
  local shape = s.shape
  shape[#shape + 1] = 1
  return s:reshape(shape)
end

local function near(a, b) return core.le(core.abs(a - b), CLOSE) end

-- One truth value for each vector: are all elements of the mask true?
local function every(mask) return core.eq(sum_last(core.where(mask, 0.0, 1.0)), 0) end

local function one_less(name, why)
  return function(shape)
    if shape[#shape] == 1 then core.error(("%s: a vector of one element %s, which leaves nothing to infer"):format(name, why)) end
    local free = { table.unpack(shape) }
    free[#free] = free[#free] - 1
    return free
  end
end

-- ---- coordinates of the vectors whose sum is 0 --------------------------------------------------------------

-- Column m = 1 .. K - 1 of an orthonormal basis is c_m (0, ..., 0, -(K - m), 1, ..., 1), the first m - 1 elements 0
-- (a Helmert matrix, its order reversed); lengths c_m = 1 / sqrt((K - m) (K - m + 1)).
local function lengths(K)
  local c, left = {}, {}
  for m = 1, K - 1 do
    left[m] = (K - m) * 1.0
    c[m] = 1 / math.sqrt((K - m) * (K - m + 1))
  end
  return core.array(c), core.array(left)
end

local bases = setmetatable({}, { __mode = "v" })
local function basis(K)
  if bases[K] then return bases[K] end
  local rows = {}
  for k = 1, K do
    rows[k] = {}
    for m = 1, K - 1 do
      local c = 1 / math.sqrt((K - m) * (K - m + 1))
      rows[k][m] = k == m and -(K - m) * c or k > m and c or 0.0
    end
  end
  bases[K] = core.array(rows)
  return bases[K]
end

-- x [rows.., N] times the matrix b [N, M].
local function rows_times(x, b)
  local shape = x.shape
  local width = shape[#shape]
  local product = core.matmul(x:reshape { x.size // width, width }, b)
  shape[#shape] = b.shape[2]
  return product:reshape(shape)
end

-- Coordinates to vectors; a single one by running sums, which needs no matrix.
local function from_coordinates(u)
  local K = u.shape[#u.shape] + 1
  if #u.shape > 1 then return rows_times(u, basis(K):t()) end
  local c, left = lengths(K)
  local v = c * u
  return core.stack { 0.0, core.cumsum(v) } - core.stack { left * v, 0.0 }
end

local function to_coordinates(z)
  local K = z.shape[#z.shape]
  if #z.shape > 1 then return rows_times(z, basis(K)) end
  local c, left = lengths(K)
  local head = z:slice(1, K - 1)
  return -c * (core.cumsum(head) + left * head)
end

-- ---- supports -----------------------------------------------------------------------------------------------------

--- Vectors with sum 0, by orthonormal coordinates: a rotation, so there is no Jacobian, and a spherical law of the
-- coordinates is one of the vector.
support.sum_to_zero = {
  name = "sum_to_zero", rank = 1, batched = true,
  free = one_less("sum_to_zero", "can only be 0"),
  constrain = function(u) return from_coordinates(u), nil end,
  unconstrain = to_coordinates,
  contains = function(x) return near(sum_last(x), 0) end,
}

-- ---- stick-breaking ------------------------------------------------------------------------------------------------

-- [rows, columns] of 1 where element(i, j), else 0.
local function ones_where(rows, columns, element)
  local all = {}
  for i = 1, rows do
    all[i] = {}
    for j = 1, columns do all[i][j] = element(i, j) and 1.0 or 0.0 end
  end
  return core.array(all)
end

local function before(i, j) return i < j end
local function same(i, j) return i == j end
local function beyond(i, j) return i > j end

-- log x of K elements, from the logs of the share that each takes of what is left, and of the share that it leaves.
local function log_pieces(taken, left)
  local K = taken.shape[#taken.shape] + 1
  if #taken.shape > 1 then
    return rows_times(taken, ones_where(K - 1, K, same)) + rows_times(left, ones_where(K - 1, K, before))
  end
  local rest = core.cumsum(left)
  if K == 2 then return core.stack { taken, left } end
  return core.stack { taken[1], taken:slice(2, K - 1) + rest:slice(1, K - 2), rest[K - 1] }
end

-- What the elements after each sum to: [.., K] -> [.., K - 1].
local function sums_after(x)
  local K = x.shape[#x.shape]
  if #x.shape > 1 then return rows_times(x, ones_where(K, K - 1, beyond)) end
  local backwards = core.range(1, K) * -1 + (K + 1)
  return core.cumsum(x[backwards])[backwards]:slice(2, K)
end

-- log(K - k): u = 0 is the simplex's centre.
local function centre(K)
  local logs = {}
  for k = 1, K - 1 do logs[k] = math.log(K - k) end
  return core.array(logs)
end

--- Vectors of positive numbers with sum 1, by breaking a stick: x_k takes the share 1 / (1 + exp(-u_k + log(K - k))) of
-- what x_1 .. x_(k-1) leave. log-determinant, with respect to K - 1 elements: sum(log x). Of ten Dirichlet laws of 3 to
-- 30 elements, alpha from 0.1 to 1000, NUTS got 1.0 to 2.0 times as many effective draws for each gradient (the least
-- of all elements, bulk or tail) as with the softmax of a sum-to-zero vector, so this is the one.
support.simplex = {
  name = "simplex", rank = 1, batched = true,
  free = one_less("simplex", "can only be 1"),
  constrain = function(u)
    local z = u - centre(u.shape[#u.shape] + 1)
    local log_x = log_pieces(-core.log1p_exp(-z), -core.log1p_exp(z))
    return core.exp(log_x), sum_last(log_x)
  end,
  unconstrain = function(x)
    local K = x.shape[#x.shape]
    local head = #x.shape > 1 and rows_times(x, ones_where(K, K - 1, same)) or x:slice(1, K - 1)
    return core.log(head) - core.log(sums_after(x)) + centre(K)
  end,
  contains = function(x) return core.logical_and(every(core.ge(x, 0)), near(sum_last(x), 1)) end,
}

--- Vectors of length 1: u / |u|. The length of u is a coordinate too many; it gets the law that it has when u is
-- standard normal, so that a density of 1 is the uniform law on the sphere.
support.unit_vector = {
  name = "unit_vector", rank = 1, batched = true,
  free = function(shape)
    if shape[#shape] == 1 then core.error "unit_vector: a vector of one element can only be 1 or -1, which is a discrete choice" end
    return shape
  end,
  constrain = function(u)
    local square = sum_last(u * u)
    return u / beside(core.sqrt(square)), -0.5 * square
  end,
  unconstrain = function(x) return x end,
  contains = function(x) return near(sum_last(x * x), 1) end,
}

--- Increasing vectors of positive numbers: x_1 = exp(u_1), x_k = x_(k-1) + exp(u_k).
support.positive_ordered = {
  name = "positive_ordered", rank = 1,
  constrain = function(u) return core.cumsum(core.exp(u)), core.sum(u) end,
  unconstrain = function(x)
    local n = #x
    if n == 1 then return core.log(x) end
    return core.log(core.stack { x[1], x:slice(2, n) - x:slice(1, n - 1) })
  end,
  contains = function(x)
    local n = #x
    if n == 1 then return core.gt(x[1], 0) end
    return core.logical_and(core.gt(x[1], 0), every(core.gt(x:slice(2, n), x:slice(1, n - 1))))
  end,
}

return support
