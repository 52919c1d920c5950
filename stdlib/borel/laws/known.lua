-- SPDX-License-Identifier: MIT
--- Checks of vector and matrix parameters that are known when a distribution is made. In a plain run from random draws a
-- value may leave its range, which shows up as a term that is not finite; but what no value of the unknowns should change
-- - that probabilities sum to 1, that a covariance is symmetric - is checked there too, as the formulas would not notice.
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"
local support = require "borel.support"

local known = {}

local CLOSE = 1e-8

known.MOST_ROWS = 3000 -- of a matrix whose size is a parameter

local function is_known(x) return handler.checks() and not core.is_symbolic(x) end

--- A Lua number that is whole and at least `least`: what shapes are made of, so at most `most` (default 1e7).
function known.whole(law, name, n, least, most)
  if type(n) ~= "number" or not math.tointeger(n) or n < least then
    core.error(("%s: %s is %s, must be a known whole number of at least %d"):format(law, name, tostring(n), least))
  end
  if n > (most or 1e7) then core.error(("%s: %s is %d, must be at most %.0f"):format(law, name, n, most or 1e7)) end
  return math.tointeger(n)
end

--- Vectors along the last axis, of probabilities that sum to 1.
function known.probabilities(law, name, p)
  if core.is_symbolic(p) then return end
  local away = core.maximum(core.abs(core.sum(p, #p.shape) - 1))
  if away > CLOSE or is_known(p) and not shapes.all_true(core.ge(p, 0)) then
    core.error(("%s: %s must be probabilities that sum to 1, the sum is off by %g"):format(law, name, away))
  end
end

--- The rows of square matrices [.., K, K].
function known.rows(law, name, x)
  local shape = x.shape
  local K = shape[#shape]
  if shape[#shape - 1] ~= K then core.error(("%s: %s must be a square matrix, its shape is %s"):format(law, name, shapes.text(shape))) end
  return K
end

-- Calls test(matrix) for each matrix of the batch; it returns what is wrong, or nothing.
local function each_matrix(law, name, x, test)
  local K = known.rows(law, name, x)
  if core.is_symbolic(x) then return end
  local all = x:reshape { x.size // (K * K), K, K }
  for k = 1, #all do
    local wrong = test(all[k])
    if wrong then core.error(("%s: %s %s"):format(law, name, wrong)) end
  end
end

--- Symmetric positive definite matrices.
function known.covariance(law, name, x)
  each_matrix(law, name, x, function(a)
    local off = core.maximum(core.abs(a - a:t()))
    if off > CLOSE * core.maximum(core.abs(a)) then return ("is not symmetric: elements that must be equal differ by %g"):format(off) end
    if is_known(a) and not support.is_covariance(a) then return "is not positive definite" end
  end)
end

--- Lower triangular matrices with a positive diagonal.
function known.factor(law, name, x)
  each_matrix(law, name, x, function(l)
    if core.maximum(core.abs(l - core.tril(l))) > 0 then return "must be lower triangular, an element above the diagonal is not 0" end
    if is_known(l) and not support.covariance_cholesky.contains(l) then return "must have a positive diagonal" end
  end)
end

--- Do a vector [.., K] and a matrix [.., K, K] belong together?
function known.fit(law, vector_name, vector, matrix_name, matrix)
  local K, n = known.rows(law, matrix_name, matrix), vector.shape[#vector.shape]
  if K ~= n then core.error(("%s: %s has %d elements, %s has %d rows"):format(law, vector_name, n, matrix_name, K)) end
end

--- lp where the parameters are in their range, -inf elsewhere: for formulas that are finite outside too.
function known.where(mask, lp)
  if mask == true then return lp end
  return core.where(mask, lp, -math.huge)
end

return known
