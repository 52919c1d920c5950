-- SPDX-License-Identifier: MIT
--- Supports: where a value may lie, and the smooth map from unconstrained numbers onto it.
-- A support has
--   rank                              axes of one value that the map works on together; absent: elementwise
--   free(shape) -> shape of u         of one value; absent: the same
--   constrain(u) -> x, log_jacobian   log_jacobian is elementwise or a number; nil for the identity
--   unconstrain(x) -> u
--   contains(x) -> mask               one for each value; nil when every number is inside
--   constant(i, j) -> boolean         is this element of one value the same for every u? absent: none is
--   low, high                         bounds of the values, where there are any
--   batched                           these three cope with leading axes themselves
--   discrete, lowest, count           for integers (then there is no map)
local core = require "borel.core"

local support = {}
package.loaded["borel.support"] = support -- for the files at the end, which add to it

support.real = {
  name = "real",
  constrain = function(u) return u, nil end,
  unconstrain = function(x) return x end,
}

local function positive(contains)
  return {
    name = "positive", low = 0,
    constrain = function(u) return core.exp(u), u end,
    unconstrain = function(x) return core.log(x) end,
    contains = contains,
  }
end

--- x = exp(u). A law has the first where its density has a limit at 0, the second where that is 0.
support.positive = positive(function(x) return core.ge(x, 0) end)
support.above_zero = positive(function(x) return core.gt(x, 0) end)

--- x = low + exp(u); the bound may be symbolic.
function support.lower(low)
  return {
    name = "lower", low = low,
    constrain = function(u) return low + core.exp(u), u end,
    unconstrain = function(x) return core.log(x - low) end,
    contains = function(x) return core.ge(x, low) end,
  }
end

--- x = high - exp(u); the bound may be symbolic.
function support.upper(high)
  return {
    name = "upper", high = high,
    constrain = function(u) return high - core.exp(u), u end,
    unconstrain = function(x) return core.log(high - x) end,
    contains = function(x) return core.le(x, high) end,
  }
end

--- x = low + (high - low) / (1 + exp(-u)); the bounds may be symbolic. A bound that is infinite is none.
function support.interval(low, high)
  if high == math.huge then return low == -math.huge and support.real or support.lower(low) end
  if low == -math.huge then return support.upper(high) end
  return {
    name = "interval", low = low, high = high,
    constrain = function(u)
      local width = high - low
      return low + width * core.inv_logit(u), core.log(width) - core.log1p_exp(u) - core.log1p_exp(-u)
    end,
    unconstrain = function(x) return core.log(x - low) - core.log(high - x) end,
    contains = function(x) return core.logical_and(core.ge(x, low), core.le(x, high)) end,
  }
end

--- Increasing vectors: x_1 = u_1, x_k = x_(k-1) + exp(u_k).
support.ordered = {
  name = "ordered",
  rank = 1,
  constrain = function(u)
    local n = #u
    if n == 1 then return u, nil end
    local steps = u:slice(2, n)
    return core.cumsum(core.stack { u[1], core.exp(steps) }), core.sum(steps)
  end,
  unconstrain = function(x)
    local n = #x
    if n == 1 then return x end
    return core.stack { x[1], core.log(x:slice(2, n) - x:slice(1, n - 1)) }
  end,
  contains = function(x)
    local n = #x
    if n == 1 then return true end
    return core.eq(core.sum(core.where(core.gt(x:slice(2, n), x:slice(1, n - 1)), 0.0, 1.0)), 0)
  end,
}

--- Whole numbers lowest .. lowest + count - 1.
function support.integers(lowest, count) return { name = "integers", discrete = true, lowest = lowest, count = count } end

require "borel.support_vector"
require "borel.support_matrix"

return support
