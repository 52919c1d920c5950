-- SPDX-License-Identifier: MIT
--- Laws on the real line.
local core = require "borel.core"
local support = require "borel.support"
local define = require "borel.law".define

local log = core.log
local LOG_SQRT_2PI, LOG_PI = 0.91893853320467274178, 1.1447298858494001741
local positive = { name = "sigma", check = "positive" }

local function cauchy_draw(choice) return math.tan(math.pi * (choice:uniform() - 0.5)) end

--- normal(mu, sigma): sigma is the standard deviation.
define {
  name = "normal", params = { "mu", positive }, support = support.real,
  logdensity = function(x, mu, sigma)
    local z = (x - mu) / sigma
    return -0.5 * (z * z) - log(sigma) - LOG_SQRT_2PI
  end,
  draw = function(choice, mu, sigma) return mu + sigma * choice:normal() end,
}

--- cauchy(mu, sigma): location and scale.
define {
  name = "cauchy", params = { "mu", positive }, support = support.real,
  logdensity = function(x, mu, sigma)
    local z = (x - mu) / sigma
    return -core.log1p(z * z) - log(sigma) - LOG_PI
  end,
  draw = function(choice, mu, sigma) return mu + sigma * cauchy_draw(choice) end,
}

--- student_t(nu, mu, sigma): degrees of freedom, location, scale.
define {
  name = "student_t", params = { { name = "nu", check = "positive" }, "mu", positive }, support = support.real,
  logdensity = function(x, nu, mu, sigma)
    local z = (x - mu) / sigma
    return core.lgamma(0.5 * (nu + 1)) - core.lgamma(0.5 * nu) - 0.5 * log(nu) - 0.5 * LOG_PI - log(sigma)
      - 0.5 * (nu + 1) * core.log1p(z * z / nu)
  end,
  draw = function(choice, nu, mu, sigma)
    return mu + sigma * choice:normal() / math.sqrt(2 * choice:gamma(0.5 * nu) / nu)
  end,
}

--- flat(): no prior at all on the real line, an improper density of 1. Restrict it with :positive(),
-- :interval(low, high).
define {
  name = "flat", params = {}, support = support.real,
  logdensity = function() return 0 end,
}
