-- SPDX-License-Identifier: MIT
--- Laws made of laws: truncated and censored ones, mixtures, laws with extra zeros. The parameters of the parts become
-- parameters of the whole, so that shapes broadcast and batches work as everywhere.
local core = require "borel.core"
local handler = require "borel.handler"
local law = require "borel.law"
local param = require "borel.laws.param"
local shapes = require "borel.shape"
local support = require "borel.support"

local Dist = law.Dist
local log, log1p, where = core.log, core.log1p, core.where

local compound = {}

-- ---- distribution functions --------------------------------------------------------------------------------

local function need_cdf(what, base)
  if not base.logcdf and not base.logccdf then core.error(("%s: %s has no distribution function here"):format(what, base.name)) end
end

-- Chooses by a condition that may be known; the choice that is not made is then not computed either.
local function choose(condition, yes, no)
  if type(condition) == "boolean" then return condition and yes() or no() end
  return where(condition, yes(), no())
end

-- x held inside the support, beyond which a distribution function is 0 or 1.
local function held(s, x)
  local low, high = s.low, s.high
  if s.discrete then
    x, low, high = core.floor(x), s.lowest, s.count and s.lowest + s.count - 1
  end
  if low then x = core.max(x, low) end
  return high and core.min(x, high) or x
end

-- At x of any size, by `direct`, a function of the law, or as one minus what `other` gives; `beyond` counts below the lowest
-- value of a discrete law, where nothing is held back.
local function tail(s, x, direct, other, beyond, ...)
  local args = table.pack(...)
  local function inside()
    local at = held(s, x)
    if direct then return direct(at, table.unpack(args, 1, args.n)) end
    return core.log1m_exp(other(at, table.unpack(args, 1, args.n)))
  end
  if not s.discrete then return inside() end
  return choose(core.lt(x, s.lowest), function() return beyond end, inside)
end

local function logcdf(base, s, x, ...) return tail(s, x, base.logcdf, base.logccdf, -math.huge, ...) end
local function logccdf(base, s, x, ...) return tail(s, x, base.logccdf, base.logcdf, 0.0, ...) end

-- log P(low < X <= high), either of which may be nil, as a difference of whichever tails are smaller.
local function log_between(base, s, low, high, ...)
  local args = table.pack(...)
  local function below(x) return logcdf(base, s, x, table.unpack(args, 1, args.n)) end
  local function above(x) return logccdf(base, s, x, table.unpack(args, 1, args.n)) end
  if not low then return high and below(high) or 0.0 end
  if not high then return above(low) end
  return choose(core.lt(below(high), above(low)),
    function() return core.log_diff_exp(below(high), below(low)) end,
    function() return core.log_diff_exp(above(low), above(high)) end)
end

local function function_of(self, name, f, x)
  need_cdf(name, self.law)
  if type(x) == "table" and getmetatable(x) == nil then x = core.array(x) end
  return f(self.law, self:support(), x, table.unpack(self.args))
end

--- d:logcdf(x) = log P(X <= x), element by element; accurate in both tails.
function Dist:logcdf(x) return function_of(self, "logcdf", logcdf, x) end

--- d:logccdf(x) = log P(X > x).
function Dist:logccdf(x) return function_of(self, "logccdf", logccdf, x) end

-- ---- parts ----------------------------------------------------------------------------------------------------

local function need_plain(what, dist)
  if type(dist) ~= "table" or not dist.is_distribution then core.error(what .. ": needs a distribution, got a " .. type(dist)) end
  if dist.modifier or dist.vector then
    core.error(("%s: %s is ordered or restricted, which does not combine"):format(what, tostring(dist)))
  end
end

-- A law with the parameters of `dist` after those in `own`; fields of `definition` get them in that order.
local function around(dist, own, values, definition)
  local params = {}
  for i, p in ipairs(own) do params[i] = p end
  for _, p in ipairs(dist.law.params) do params[#params + 1] = { name = p.name, rank = p.rank } end
  definition.params = params
  definition.batched = function(...) return law.takes_batches(dist.law, select(#own + 1, ...)) end
  local args = { table.unpack(values, 1, #own) }
  for _, arg in ipairs(dist.args) do args[#args + 1] = arg end
  local made = law.constructor(definition)(table.unpack(args, 1, #params))
  made.batch = dist.batch
  made:shape()
  return made
end

local function support_of(base, ...)
  return type(base.support) == "function" and base.support(...) or base.support
end

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
function compound.truncated(dist, low, high)
  need_plain("truncated", dist)
  local base = dist.law
  need_cdf("truncated", base)
  local own, values, split = bounds("truncated", low, high)
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
function compound.censored(dist, low, high)
  need_plain("censored", dist)
  local base = dist.law
  need_cdf("censored", base)
  local own, values, split = bounds("censored", low, high)
  local discrete = dist:support().discrete
  local definition = { name = ("censored(%s)"):format(base.name) }
  local function refuse()
    core.error(("%s is a law of observed values; an unknown has the law %s itself"):format(definition.name, base.name))
  end
  function definition.support(...)
    local function of(a, b, ...) return truncated_support(support_of(base, ...), a, b) end
    local s = of(split(...))
    s.constrain, s.unconstrain, s.count = refuse, refuse, nil -- part of the mass is at the bounds
    return s
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

-- ---- extra zeros ---------------------------------------------------------------------------------------------------

local function need_counts(what, dist)
  need_plain(what, dist)
  local s = dist:support()
  if not s.discrete or s.lowest ~= 0 or #dist:event_shape() > 0 then
    core.error(("%s: needs a law of counts 0, 1, ..., got %s"):format(what, dist.law.name))
  end
end

local function extra_zeros(what, pi, dist, logdensity, draw)
  need_counts(what, dist)
  local base = dist.law
  return around(dist, { param.probability "pi" }, { pi }, {
    name = ("%s(%s)"):format(what, base.name),
    support = function(_, ...) return support_of(base, ...) end,
    logdensity = function(x, share, ...)
      return logdensity(core.eq(x, 0), share, base.logdensity(x, ...), base.logdensity(0 * x, ...))
    end,
    draw = function(choice, share, ...)
      local args = table.pack(...)
      return draw(choice, share, function() return base.draw(choice, table.unpack(args, 1, args.n)) end)
    end,
  })
end

--- zero_inflated(pi, d): 0 with probability pi, else a count of d. Density: pi [x = 0] + (1 - pi) d(x). Source: Lambert
-- 1992, section 2.
function compound.zero_inflated(pi, dist)
  return extra_zeros("zero_inflated", pi, dist, function(is_zero, share, lp, lp_zero)
    return where(is_zero, core.log_sum_exp(log(share), log1p(-share) + lp_zero), log1p(-share) + lp)
  end, function(choice, share, draw) return choice:bernoulli(share) == 1 and 0 or draw() end)
end

--- hurdle(pi, d): 0 with probability pi, else a count of d on the condition that it is not 0. Density: pi at 0,
-- (1 - pi) d(x) / (1 - d(0)) elsewhere. Source: Mullahy 1986.
function compound.hurdle(pi, dist)
  return extra_zeros("hurdle", pi, dist, function(is_zero, share, lp, lp_zero)
    return where(is_zero, log(share), log1p(-share) + lp - core.log1m_exp(lp_zero))
  end, function(choice, share, draw)
    if choice:bernoulli(share) == 1 then return 0 end
    for _ = 1, 1000000 do
      local x = draw()
      if x > 0 then return x end
    end
    core.error(("hurdle: %s gave 0 a million times in a row"):format(dist.law.name))
  end)
end

-- ---- mixtures -------------------------------------------------------------------------------------------------------

local function same_support(a, b)
  local function alike(x, y) return x == y or type(x) ~= "number" or type(y) ~= "number" end
  return a.name == b.name and alike(a.low, b.low) and alike(a.high, b.high) and a.lowest == b.lowest and a.count == b.count
end

-- Column k of the last axis.
local function column(x, k)
  local at = {}
  for i = 1, #x.shape - 1 do at[i] = ":" end
  at[#at + 1] = k
  return #at == 1 and x[k] or x[at]
end

--- mixture(weights, {d, ...}): one of the distributions, chosen with the probabilities in the vector weights (or in each
-- row of a matrix, one row for each element of the batch). They have one support. Density: sum over k of weights[k] d_k(x).
-- Source: McLachlan and Peel 2000, section 1.4.
function compound.mixture(weights, dists)
  if type(dists) ~= "table" or #dists == 0 then core.error "mixture: needs a list of distributions: mixture(weights, {d1, d2})" end
  local params, args, parts = { { name = "weights", rank = 1 } }, { weights }, {}
  for k, dist in ipairs(dists) do
    need_plain("mixture", dist)
    if #dist.batch > 0 then core.error "mixture: apply :iid(n) to the mixture, not to its parts" end
    if not same_support(dists[1]:support(), dist:support()) or not shapes.equal(dists[1]:event_shape(), dist:event_shape()) then
      core.error(("mixture: part 1 is %s and part %d is %s, which have other supports"):format(tostring(dists[1]), k, tostring(dist)))
    end
    parts[k] = { law = dist.law, first = #args + 1, last = #args + #dist.args }
    for i, p in ipairs(dist.law.params) do
      params[#params + 1] = { name = ("%s of part %d"):format(p.name, k), rank = p.rank }
      args[#args + 1] = dist.args[i]
    end
  end
  local with_cdf = true
  for _, part in ipairs(parts) do
    with_cdf = with_cdf and (part.law.logcdf or part.law.logccdf) and not part.law.event
  end
  -- log_sum_exp over the parts of log weight + f(part, its arguments)
  local function over_parts(w, f, ...)
    local log_w, total = log(w), nil
    for k, part in ipairs(parts) do
      local term = column(log_w, k) + f(part.law, table.unpack({ ... }, part.first - 1, part.last - 1))
      total = total and core.log_sum_exp(total, term) or term
    end
    return total
  end
  local first = parts[1]
  local definition = {
    name = "mixture", params = params,
    batched = function(...)
      for _, part in ipairs(parts) do
        if not law.takes_batches(part.law, table.unpack({ ... }, part.first, part.last)) then return false end
      end
      return true
    end,
    event = first.law.event and function(...) return first.law.event(table.unpack({ ... }, first.first, first.last)) end,
    support = function(...) return support_of(first.law, table.unpack({ ... }, first.first, first.last)) end,
    check = function(w)
      if w.shape[#w.shape] ~= #dists then
        core.error(("mixture: %d weights for %d distributions"):format(w.shape[#w.shape], #dists))
      end
      if not core.is_array(w) or not handler.checks() then return end
      local away = core.maximum(core.abs(core.sum(w, #w.shape) - 1))
      if away > 1e-9 or not shapes.all_true(core.ge(w, 0)) then
        core.error(("mixture: weights must be probabilities that sum to 1, the sum is off by %g"):format(away))
      end
    end,
    logdensity = function(x, w, ...)
      return over_parts(w, function(base, ...) return base.logdensity(x, ...) end, ...)
    end,
    draw = function(choice, w, ...)
      local part = parts[choice:categorical(w:totable())]
      return part.law.draw(choice, table.unpack({ ... }, part.first - 1, part.last - 1))
    end,
  }
  if with_cdf then
    local function whole(f, x, w, ...) -- x lies in the support, which the parts share
      return over_parts(w, function(base, ...) return f(base, support_of(base, ...), x, ...) end, ...)
    end
    function definition.logcdf(...) return whole(logcdf, ...) end
    function definition.logccdf(...) return whole(logccdf, ...) end
  end
  return law.constructor(definition)(table.unpack(args))
end

for name, make in pairs(compound) do law.constructors[name] = make end

return compound
