-- SPDX-License-Identifier: MIT
--- Truncated and censored laws.
local core = require "borel.core"
local handler = require "borel.handler"
local law = require "borel.law"
local parts = require "borel.laws.parts"
local shapes = require "borel.shape"
local support = require "borel.support"

local log1p, where = core.log1p, core.where
local logcdf, logccdf, log_between = parts.logcdf, parts.logccdf, parts.log_between
local need_cdf, need_plain, around, support_of = parts.need_cdf, parts.need_plain, parts.around, parts.support_of

-- Bounds of which one may be nil, as parameters, their values, and a function that turns the arguments of a law with them
-- into low or nil, high or nil, the arguments of the part.
local function bounds(what, low, high)
  if low == nil and high == nil then core.error(("%s: at least one bound must be given: %s(d, low, high)"):format(what, what)) end
  if low == -math.huge then low = nil end
  if high == math.huge then high = nil end
  local own, values = {}, {}
  if low ~= nil then own[1], values[1] = { name = "low" }, low end
  if high ~= nil then own[#own + 1], values[#values + 1] = { name = "high" }, high end
  return own, values, function(...)
    local a, b = nil, nil
    if low ~= nil then a = ... end
    if high ~= nil then b = select(#own, ...) end
    return a, b, select(#own + 1, ...)
  end
end

-- ---- truncated -------------------------------------------------------------------------------------------------

local function larger(a, b) return a and b and core.max(a, b) or a or b end
local function smaller(a, b) return a and b and core.min(a, b) or a or b end

-- The support within the bounds, which are inclusive.
local function truncated_support(s, low, high)
  if not s.discrete then
    low, high = larger(low, s.low), smaller(high, s.high)
    return low and high and support.interval(low, high) or low and support.lower(low) or support.upper(high)
  end
  local lowest = larger(low, s.lowest)
  local highest = smaller(high, s.count and s.lowest + s.count - 1)
  if type(lowest) == "number" and (highest == nil or type(highest) == "number") then
    lowest, highest = math.ceil(lowest), highest and math.floor(highest)
    return support.integers(lowest, highest and highest - lowest + 1)
  end
  local range = support.integers(s.lowest)
  function range.contains(x)
    local inside = core.logical_and(core.eq(x, core.floor(x)), core.ge(x, lowest))
    return highest and core.logical_and(inside, core.le(x, highest)) or inside
  end
  return range
end

-- The place in [low, high] where the falling or rising function f(x) - target changes its sign. Bounds may be infinite.
local function bisect(rises, low, high, discrete)
  local start = math.max(low, math.min(high, 0))
  local step = 1
  if low == -math.huge then
    low = math.min(start, high) - step
    while not rises(low) do low, step = low - step, 2 * step end
  end
  step = 1
  if high == math.huge then
    high = math.max(start, low) + step
    while rises(high) do high, step = high + step, 2 * step end
  end
  for _ = 1, 200 do
    local middle = discrete and math.floor(low + 0.5 * (high - low)) or low + 0.5 * (high - low)
    if middle <= low or middle >= high then break end
    if rises(middle) then low = middle else high = middle end
  end
  return discrete and math.tointeger(high) or low + 0.5 * (high - low)
end

-- A number of the law in (low, high], by inversion of the distribution function in the smaller tail.
local function draw_between(choice, base, s, low, high, ...)
  local args = table.pack(...)
  local function below(x) return x == math.huge and 0 or logcdf(base, s, x, table.unpack(args, 1, args.n)) end
  local function above(x) return x == -math.huge and 0 or logccdf(base, s, x, table.unpack(args, 1, args.n)) end
  local u = choice:uniform()
  local function between(at_low, at_high) return core.log_sum_exp(log1p(-u) + at_low, math.log(u) + at_high) end
  if below(high) < above(low) then
    local target = between(low == -math.huge and -math.huge or below(low), below(high))
    return bisect(function(x) return below(x) < target end, low, high, s.discrete)
  end
  local target = between(above(low), high == math.huge and -math.huge or above(high))
  return bisect(function(x) return above(x) > target end, low, high, s.discrete)
end

-- A number of a law of finitely many.
local function draw_listed(choice, base, first, count, ...)
  local p, total = {}, 0
  for i = 1, count do
    p[i] = math.exp(base.logdensity(first + i - 1, ...))
    total = total + p[i]
  end
  for i = 1, count do p[i] = p[i] / total end
  return first + choice:categorical(p) - 1
end

local FEW = 1000

local function any_symbolic(...)
  for i = 1, select("#", ...) do
    if core.is_symbolic((select(i, ...))) then return true end
  end
  return false
end

--- truncated(d, low, high): d on the condition low <= x <= high. Either bound may be nil, and both may be unknowns;
-- d needs a distribution function. Density: that of d over P(low <= X <= high). Source: Johnson, Kotz and Balakrishnan
-- 1994, section 10.1.
function law.constructors.truncated(dist, low, high)
  need_plain("truncated", dist)
  local base = dist.law
  need_cdf("truncated", base)
  local own, values, split = bounds("truncated", low, high)
  if #own == 0 then return dist end -- infinite bounds
  local discrete = dist:support().discrete
  -- log P(a <= X <= b)
  local function mass(a, b, ...)
    if a and discrete then a = core.ceil(a) - 1 end
    return log_between(base, support_of(base, ...), a, b, ...)
  end
  local definition = { name = ("truncated(%s)"):format(base.name) }
  function definition.support(...)
    local function of(a, b, ...) return truncated_support(support_of(base, ...), a, b) end
    return of(split(...))
  end
  function definition.logdensity(x, ...)
    local function of(a, b, ...) return base.logdensity(x, ...) - mass(a, b, ...) end
    return of(split(...))
  end
  function definition.logcdf(x, ...)
    local function of(a, b, ...) return mass(a, x, ...) - mass(a, b, ...) end
    return of(split(...))
  end
  function definition.logccdf(x, ...)
    local function of(a, b, ...) return log_between(base, support_of(base, ...), x, b, ...) - mass(a, b, ...) end
    return of(split(...))
  end
  function definition.check(...)
    local function of(a, b, ...)
      if not handler.checks() or any_symbolic(a, b, ...) then return end
      if a and b and not shapes.all_true(discrete and core.le(a, b) or core.lt(a, b)) then
        core.error(("truncated: low is %s, must be less than high, which is %s"):format(tostring(a), tostring(b)))
      end
      if not shapes.all_true(core.gt(mass(a, b, ...), -math.huge)) then
        core.error(("truncated: %s gives no probability to the interval from %s to %s"):format(base.name, tostring(a or "-inf"),
          tostring(b or "inf")))
      end
    end
    of(split(...))
  end
  function definition.draw(choice, ...)
    local function of(a, b, ...)
      local s = truncated_support(support_of(base, ...), a, b)
      if s.discrete and s.count and s.count <= FEW then return draw_listed(choice, base, s.lowest, s.count, ...) end
      local whole = support_of(base, ...)
      if not s.discrete then return draw_between(choice, base, whole, s.low or -math.huge, s.high or math.huge, ...) end
      return draw_between(choice, base, whole, s.lowest - 1, s.count and s.lowest + s.count - 1 or math.huge, ...)
    end
    return of(split(...))
  end
  return around(dist, own, values, definition)
end

-- ---- censored -----------------------------------------------------------------------------------------------------

--- censored(d, low, high): what an instrument shows that cannot show less than low or more than high: a value at a bound
-- stands for all beyond it. Either bound may be nil. For observed values. Density: that of d between the bounds,
-- P(X <= low) at low, P(X >= high) at high. Source: Tobin 1958.
function law.constructors.censored(dist, low, high)
  need_plain("censored", dist)
  local base = dist.law
  need_cdf("censored", base)
  local own, values, split = bounds("censored", low, high)
  if #own == 0 then return dist end -- infinite bounds
  local discrete = dist:support().discrete
  local definition = { name = ("censored(%s)"):format(base.name) }
  local function refuse()
    core.error(("%s is a law of observed values; an unknown has the law %s itself"):format(definition.name, base.name))
  end
  function definition.support(...)
    local function of(a, b, ...) return truncated_support(support_of(base, ...), a, b) end
    local s = of(split(...))
    if s.count then -- which would make the law one of unknowns
      local lowest, highest = s.lowest, s.lowest + s.count - 1
      function s.contains(x)
        local whole = core.eq(x, core.floor(x))
        return core.logical_and(whole, core.logical_and(core.ge(x, lowest), core.le(x, highest)))
      end
    end
    s.constrain, s.unconstrain, s.count = refuse, refuse, nil -- part of the mass is at the bounds
    return s
  end
  function definition.check(...)
    local function of(a, b)
      if not handler.checks() or any_symbolic(a, b) then return end
      if a and b and not shapes.all_true(core.lt(a, b)) then
        core.error(("censored: low is %s, must be less than high, which is %s"):format(tostring(a), tostring(b)))
      end
      for _, side in ipairs { { "low", a }, { "high", b } } do
        local name, bound = side[1], side[2]
        if bound and discrete and not shapes.all_true(core.eq(bound, core.floor(bound))) then
          core.error(("censored: %s is %s, must be whole, as the values of %s are"):format(name, tostring(bound), base.name))
        end
      end
    end
    of(split(...))
  end
  function definition.logdensity(x, ...)
    local function of(a, b, ...)
      local lp = base.logdensity(x, ...)
      local s = support_of(base, ...)
      if a then lp = where(core.le(x, a), logcdf(base, s, a, ...), lp) end
      if b then lp = where(core.ge(x, b), logccdf(base, s, discrete and core.ceil(b) - 1 or b, ...), lp) end
      return lp
    end
    return of(split(...))
  end
  function definition.draw(choice, ...)
    local function of(a, b, ...)
      local x = base.draw(choice, ...)
      if a then x = math.max(x, a) end
      if b then x = math.min(x, b) end
      return x
    end
    return of(split(...))
  end
  return around(dist, own, values, definition)
end
