-- SPDX-License-Identifier: MIT
--- Laws of positive numbers.
local core = require "borel.core"
local support = require "borel.support"
local define = require "borel.law".define

local log = core.log
local LOG_SQRT_2PI, LOG_PI = 0.91893853320467274178, 1.1447298858494001741
local positive = { name = "sigma", check = "positive" }

local function cauchy_draw(choice) return math.tan(math.pi * (choice:uniform() - 0.5)) end

--- half_normal(sigma): |normal(0, sigma)|.
define {
  name = "half_normal", params = { positive }, support = support.positive,
  logdensity = function(x, sigma)
    local z = x / sigma
    return -0.5 * (z * z) - log(sigma) + (math.log(2) - LOG_SQRT_2PI)
  end,
  draw = function(choice, sigma) return math.abs(sigma * choice:normal()) end,
}

--- half_cauchy(sigma): |cauchy(0, sigma)|.
define {
  name = "half_cauchy", params = { positive }, support = support.positive,
  logdensity = function(x, sigma)
    local z = x / sigma
    return -core.log1p(z * z) - log(sigma) + (math.log(2) - LOG_PI)
  end,
  draw = function(choice, sigma) return math.abs(sigma * cauchy_draw(choice)) end,
}

--- exponential(rate): mean 1 / rate.
define {
  name = "exponential", params = { { name = "rate", check = "positive" } }, support = support.positive,
  logdensity = function(x, rate) return log(rate) - rate * x end,
  draw = function(choice, rate) return choice:exponential() / rate end,
}
