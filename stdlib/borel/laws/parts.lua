-- SPDX-License-Identifier: MIT
--- What laws made of laws share: distribution functions of any number, and a law around another. The parameters of the
-- part become parameters of the whole, so that shapes broadcast and batches work as everywhere.
local core = require "borel.core"
local law = require "borel.law"

local Dist = law.Dist
local where = core.where

local parts = {}

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

-- The first and the last value of a support that are known numbers; infinities elsewhere.
local function ends_of(s)
  local low, high = s.low, s.high
  if s.discrete then low, high = s.lowest - 1, s.count and s.lowest + s.count - 1 end
  return type(low) == "number" and low or -math.huge, type(high) == "number" and high or math.huge
end

-- A number inside, away from the ends.
local function inner(s, low, high)
  if s.discrete then return s.lowest end
  if low > -math.huge then return high < math.huge and 0.5 * (low + high) or low + 1 end
  return high < math.huge and high - 1 or 0
end

-- At x of any size, by `direct`, a function of the law, or as one minus what `other` gives. What is known at the ends of
-- the support and beyond is said, not computed: there formulas and their derivatives may not be numbers.
local function tail(s, x, direct, other, at_low, at_high, ...)
  local args = table.pack(...)
  local function inside(at)
    at = held(s, at)
    if direct then return direct(at, table.unpack(args, 1, args.n)) end
    return core.log1m_exp(other(at, table.unpack(args, 1, args.n)))
  end
  if core.is_symbolic(x) then
    if not s.discrete then return inside(x) end
    return where(core.lt(x, s.lowest), at_low, inside(x))
  end
  local low, high = ends_of(s)
  if s.discrete then x = core.floor(x) end
  if type(x) == "number" then return x <= low and at_low or x >= high and at_high or inside(x) end
  local before, after = core.le(x, low), core.ge(x, high)
  local at_end = core.logical_or(before, after)
  if core.sum(core.where(at_end, 1.0, 0.0)) == 0 then return inside(x) end
  return where(before, at_low, where(after, at_high, inside(where(at_end, inner(s, low, high), x))))
end

local function logcdf(base, s, x, ...) return tail(s, x, base.logcdf, base.logccdf, -math.huge, 0.0, ...) end
local function logccdf(base, s, x, ...) return tail(s, x, base.logccdf, base.logcdf, 0.0, -math.huge, ...) end

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

parts.need_cdf, parts.need_plain = need_cdf, need_plain
parts.logcdf, parts.logccdf, parts.log_between = logcdf, logccdf, log_between
parts.around, parts.support_of = around, support_of

return parts
