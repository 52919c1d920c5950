-- SPDX-License-Identifier: MIT
--- Laws with extra zeros, and mixtures.
local core = require "borel.core"
local known = require "borel.laws.known"
local law = require "borel.law"
local param = require "borel.laws.param"
local parts_of_laws = require "borel.laws.parts"
local shapes = require "borel.shape"

local log, log1p, where = core.log, core.log1p, core.where
local logcdf, logccdf = parts_of_laws.logcdf, parts_of_laws.logccdf
local need_plain, around, support_of = parts_of_laws.need_plain, parts_of_laws.around, parts_of_laws.support_of

-- ---- extra zeros ---------------------------------------------------------------------------------------------------

local function need_counts(what, dist)
  need_plain(what, dist)
  local s = dist:support()
  if not s.discrete or s.lowest ~= 0 or #dist:event_shape() > 0 then
    core.error(("%s: needs a law of counts 0, 1, ..., got %s"):format(what, dist.law.name))
  end
end

-- upper(share, log P(X > x) of the part, log P(X = 0) of it) is log P(X > x), for x of at least 0
local function extra_zeros(what, pi, dist, logdensity, upper, draw)
  need_counts(what, dist)
  local base = dist.law
  local has_cdf = base.logcdf or base.logccdf
  return around(dist, { param.probability "pi" }, { pi }, {
    name = ("%s(%s)"):format(what, base.name),
    support = function(_, ...) return support_of(base, ...) end,
    logdensity = function(x, share, ...)
      return logdensity(core.eq(x, 0), share, base.logdensity(x, ...), base.logdensity(0 * x, ...))
    end,
    logccdf = has_cdf and function(x, share, ...)
      return upper(share, logccdf(base, support_of(base, ...), x, ...), base.logdensity(0 * x, ...))
    end or nil,
    draw = function(choice, share, ...)
      local args = table.pack(...)
      return draw(choice, share, function() return base.draw(choice, table.unpack(args, 1, args.n)) end)
    end,
  })
end

--- zero_inflated(pi, d): 0 with probability pi, else a count of d. Density: pi [x = 0] + (1 - pi) d(x). Source: Lambert
-- 1992, section 2.
function law.constructors.zero_inflated(pi, dist)
  return extra_zeros("zero_inflated", pi, dist, function(is_zero, share, lp, lp_zero)
    return where(is_zero, core.log_sum_exp(log(share), log1p(-share) + lp_zero), log1p(-share) + lp)
  end, function(share, above) return log1p(-share) + above end,
  function(choice, share, draw) return choice:bernoulli(share) == 1 and 0 or draw() end)
end

--- hurdle(pi, d): 0 with probability pi, else a count of d on the condition that it is not 0. Density: pi at 0,
-- (1 - pi) d(x) / (1 - d(0)) elsewhere. Source: Mullahy 1986.
function law.constructors.hurdle(pi, dist)
  return extra_zeros("hurdle", pi, dist, function(is_zero, share, lp, lp_zero)
    return where(is_zero, log(share), log1p(-share) + lp - core.log1m_exp(lp_zero))
  end, function(share, above, lp_zero) return log1p(-share) + above - core.log1m_exp(lp_zero) end,
  function(choice, share, draw)
    if choice:bernoulli(share) == 1 then return 0 end
    for _ = 1, 1000000 do
      local x = draw()
      if x > 0 then return x end
    end
    core.error(("hurdle: %s gave 0 a million times in a row"):format(dist.law.name))
  end)
end

-- ---- mixtures -------------------------------------------------------------------------------------------------------

-- The supports of numbers between bounds, which have many names: (0, inf) is positive, lower(0), interval(0, inf).
local between = { real = true, positive = true, lower = true, upper = true, interval = true }

local function same_support(a, b)
  local function alike(x, y) return x == y or x and y and (type(x) ~= "number" or type(y) ~= "number") end
  if not (between[a.name] and between[b.name]) and a.name ~= b.name then return false end
  return alike(a.low or -math.huge, b.low or -math.huge) and alike(a.high or math.huge, b.high or math.huge)
    and a.lowest == b.lowest and a.count == b.count
end

local LEAST = 1e-307 -- 1 / w is a number from here on

-- log(w), whose derivative counts as 0 where a weight is so small that it overflows: the terms of such parts are
-- impossible or nearly so, and an infinite derivative would make those of all other unknowns infinite or NaN.
local function log_weights(w)
  if not core.is_symbolic(w) then return log(w) end
  return where(core.ge(w, LEAST), log(w), log(core.stop_gradient(w)))
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
function law.constructors.mixture(weights, dists)
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
    local log_w, total = log_weights(w), nil
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
      known.probabilities("mixture", "weights", w)
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
