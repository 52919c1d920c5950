-- SPDX-License-Identifier: MIT
--- Laws on intervals.
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local log = core.log

--- uniform(low, high): the bounds may be parameters.
define {
  name = "uniform", params = { "low", "high" }, support = support.interval,
  check = function(low, high)
    if handler.checks() and not core.is_symbolic(low) and not core.is_symbolic(high) and not shapes.all_true(core.lt(low, high)) then
      core.error(("uniform: low is %s, must be less than high, which is %s"):format(tostring(low), tostring(high)))
    end
  end,
  logdensity = function(_, low, high) return -log(high - low) end,
  draw = function(choice, low, high) return low + (high - low) * choice:uniform() end,
}

--- beta(a, b) on (0, 1).
define {
  name = "beta", params = { { name = "a", check = "positive" }, { name = "b", check = "positive" } }, support = support.interval(0, 1),
  logdensity = function(x, a, b)
    return core.xlogy(a - 1, x) + core.xlogy(b - 1, 1 - x) + core.lgamma(a + b) - core.lgamma(a) - core.lgamma(b)
  end,
  draw = function(choice, a, b) return choice:beta(a, b) end,
}
