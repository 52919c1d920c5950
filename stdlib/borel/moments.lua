-- SPDX-License-Identifier: MIT
--- What is made of the operations of core: shares, and moments and quantiles of a sample. Functions and methods of
-- numbers, arrays and symbolic values.
local core = require "borel.core"
local shapes = require "borel.shape"

-- x less y, where y is x without its axis `axis`, or a number.
local function less(x, y, axis)
  if not axis then return x - y end
  local thin = x.shape
  thin[axis] = 1
  return x - y:reshape(thin)
end

local function value(x) return type(x) == "table" and core.stack(x) or x end

local moments = {}

--- softmax(x [, axis]): exp(x) / sum(exp(x)), of all elements or along an axis.
function moments.softmax(x, axis)
  x = value(x)
  return core.exp(less(x, core.log_sum_exp(x, { axis = axis }), axis))
end

-- The number of elements that count, which must be two at least.
local function sample_size(name, x, axis)
  local shape = shapes.of(x)
  local n = axis and shape[axis] or shapes.size(shape)
  if n < 2 then core.error(("%s: two values at least are needed, these are %d"):format(name, n)) end
  return n
end

local function variance(name, x, axis)
  x = value(x)
  local away = less(x, core.mean(x, axis), axis)
  return core.sum(away * away, axis) / (sample_size(name, x, axis) - 1)
end

--- var(x [, axis]): the variance of a sample, sum((x - mean)^2) / (n - 1).
function moments.var(x, axis) return variance("var", x, axis) end

--- sd(x [, axis]): the square root of var. It has no derivative where all values are equal.
function moments.sd(x, axis) return core.sqrt(variance("sd", x, axis)) end

local function check_shares(p)
  if core.is_symbolic(p) then core.error "quantile: the shares p must be known" end
  for _, share in ipairs(shapes.flat(p)) do
    if not (share >= 0 and share <= 1) then core.error(("quantile: p is %g, must be from 0 to 1"):format(share)) end
  end
end

local function quantile(x, p)
  x = type(x) == "number" and core.stack { x } or value(x)
  local n = x.size
  local ordered = core.sort(x:reshape { n })
  local at = p * (n - 1) -- Hyndman and Fan 1996, definition 7
  local below = core.floor(at)
  local part = at - below
  local low = core.is_array(below) and below:to "i64" or math.tointeger(below)
  local high = core.is_array(below) and core.min(below + 1, n - 1):to "i64" or math.min(low + 1, n - 1)
  local mixed = core.mulz(1 - part, ordered[low + 1]) + core.mulz(part, ordered[high + 1])
  return core.where(core.eq(ordered[n], ordered[n]), mixed, ordered[n]) -- NaN is last
end

--- quantile(x, p): the values below which shares p of all elements of x lie, of p's shape; p is known. Straight between
-- the ordered values, as R's type 7 and NumPy have it; NaN where there is one among them.
function moments.quantile(x, p)
  if type(p) == "table" then p = core.array(p) end
  if type(p) ~= "number" and not core.is_array(p) then
    if not core.is_symbolic(p) then core.error("quantile: p is a " .. type(p) .. ", must be a number from 0 to 1, or some") end
  end
  check_shares(p)
  return quantile(x, core.is_array(p) and p:to "f64" or p)
end

--- median(x): of all elements.
function moments.median(x) return quantile(x, 0.5) end

for name, fn in pairs(moments) do core[name], core.methods[name] = fn, fn end

return moments
