-- SPDX-License-Identifier: MIT
--- Laws on the real line. z is (x - mu) / sigma throughout.
local core = require "borel.core"
local param = require "borel.laws.param"
local support = require "borel.support"
local define = require "borel.law".define

local libm = core.libm -- for draws
local log, where = core.log, core.where
local log_phi = core.std_normal_logcdf
local LOG_SQRT_2PI = param.LOG_SQRT_2PI
local mu, sigma = param.finite "mu", param.positive "sigma"

--- normal(mu, sigma): mean and standard deviation. Density: exp(-z^2 / 2) / (sigma sqrt(2 pi)). Source: Johnson,
-- Kotz and Balakrishnan 1994, chapter 13.
define {
  name = "normal", params = { mu, sigma }, support = support.real,
  logdensity = function(x, m, s)
    local z = (x - m) / s
    return -0.5 * (z * z) - log(s) - LOG_SQRT_2PI
  end,
  logcdf = function(x, m, s) return log_phi((x - m) / s) end,
  logccdf = function(x, m, s) return log_phi((m - x) / s) end,
  lanes = "whole",
  draw = function(choice, m, s) return m + s * choice:normal() end,
}

-- log of the density of Student's t at z; 1 / (sqrt(nu) B(1/2, nu/2)) is its constant.
local function log_t(nu, z) return -0.5 * (nu + 1) * core.log1p(z * z / nu) - 0.5 * log(nu) - core.lbeta(0.5, 0.5 * nu) end

--- student_t(nu, mu, sigma): degrees of freedom nu > 0, location, scale. Density: (1 + z^2 / nu)^(-(nu + 1) / 2) /
-- (sigma sqrt(nu) B(1/2, nu/2)). Source: Johnson, Kotz and Balakrishnan 1995, chapter 28.
define {
  name = "student_t", params = { param.positive "nu", mu, sigma }, support = support.real,
  logdensity = function(x, nu, m, s) return log_t(nu, (x - m) / s) - log(s) end,
  logcdf = function(x, nu, m, s) return core.student_t_logcdf(nu, (x - m) / s) end,
  logccdf = function(x, nu, m, s) return core.student_t_logcdf(nu, (m - x) / s) end,
  lanes = "each",
  draw = function(choice, nu, m, s) return m + s * choice:normal() / libm.sqrt(2 * choice:gamma(0.5 * nu) / nu) end,
}

--- cauchy(mu, sigma): location and scale. Density: 1 / (pi sigma (1 + z^2)). Source: Johnson, Kotz and Balakrishnan
-- 1994, chapter 16.
define {
  name = "cauchy", params = { mu, sigma }, support = support.real,
  logdensity = function(x, m, s)
    local z = (x - m) / s
    return -core.log1p(z * z) - log(s) - param.LOG_PI
  end,
  logcdf = function(x, m, s) return core.student_t_logcdf(1, (x - m) / s) end,
  logccdf = function(x, m, s) return core.student_t_logcdf(1, (m - x) / s) end,
  lanes = "whole",
  draw = function(choice, m, s) return m + s * libm.tan(math.pi * (choice:uniform() - 0.5)) end,
}

-- log P(Z <= z) of the standard double exponential.
local function log_laplace(z)
  return where(core.lt(z, 0), z - param.LOG_2, core.log1p(-0.5 * core.exp(-core.abs(z))))
end

--- laplace(mu, sigma): location and scale, also called double exponential. Density: exp(-|z|) / (2 sigma). Source:
-- Johnson, Kotz and Balakrishnan 1995, chapter 24.
define {
  name = "laplace", params = { mu, sigma }, support = support.real,
  logdensity = function(x, m, s) return -core.abs((x - m) / s) - log(s) - param.LOG_2 end,
  logcdf = function(x, m, s) return log_laplace((x - m) / s) end,
  logccdf = function(x, m, s) return log_laplace((m - x) / s) end,
  lanes = "each",
  draw = function(choice, m, s) return m + s * (choice:exponential() - choice:exponential()) end,
}

--- asymmetric_laplace(mu, sigma, tau): mu is the quantile of level tau in (0, 1), sigma a scale. Density:
-- tau (1 - tau) / sigma exp(-z (tau - [z < 0])). Source: Yu and Zhang 2005, eq. 2.
define {
  name = "asymmetric_laplace", params = { mu, sigma, param.fraction "tau" }, support = support.real,
  logdensity = function(x, m, s, tau)
    local z = (x - m) / s
    return log(tau) + core.log1p(-tau) - log(s) - where(core.lt(z, 0), (tau - 1) * z, tau * z)
  end,
  logcdf = function(x, m, s, tau)
    local z = (x - m) / s
    return where(core.lt(z, 0), log(tau) + (1 - tau) * z, core.log1p((tau - 1) * core.exp(-tau * core.abs(z))))
  end,
  logccdf = function(x, m, s, tau)
    local z = (x - m) / s
    return where(core.lt(z, 0), core.log1p(-tau * core.exp((tau - 1) * core.abs(z))), core.log1p(-tau) - tau * z)
  end,
  draw = function(choice, m, s, tau) return m + s * (choice:exponential() / tau - choice:exponential() / (1 - tau)) end,
}

--- logistic(mu, sigma): location and scale. Density: exp(-z) / (sigma (1 + exp(-z))^2). Source: Johnson, Kotz and
-- Balakrishnan 1995, chapter 23.
define {
  name = "logistic", params = { mu, sigma }, support = support.real,
  logdensity = function(x, m, s)
    local z = (x - m) / s
    return -z - 2 * core.log1p_exp(-z) - log(s)
  end,
  logcdf = function(x, m, s) return -core.log1p_exp((m - x) / s) end,
  logccdf = function(x, m, s) return -core.log1p_exp((x - m) / s) end,
  lanes = "whole",
  draw = function(choice, m, s)
    local u = choice:uniform()
    return m + s * (libm.log(u) - core.log1p(-u))
  end,
}

--- gumbel(mu, beta): location (the mode) and scale, for maxima. Density: exp(-z - exp(-z)) / beta, z = (x - mu) / beta.
-- Source: Johnson, Kotz and Balakrishnan 1995, chapter 22.
define {
  name = "gumbel", params = { mu, param.positive "beta" }, support = support.real,
  logdensity = function(x, m, b)
    local z = (x - m) / b
    return -z - core.exp(-z) - log(b)
  end,
  logcdf = function(x, m, b) return -core.exp((m - x) / b) end,
  lanes = "each",
  draw = function(choice, m, b) return m - b * libm.log(choice:exponential()) end,
}

--- skew_normal(xi, omega, alpha): location, scale, slant. Density: 2 phi(z) Phi(alpha z) / omega, z = (x - xi) / omega.
-- Source: Azzalini 1985.
define {
  name = "skew_normal", params = { param.finite "xi", param.positive "omega", param.finite "alpha" }, support = support.real,
  logdensity = function(x, xi, omega, alpha)
    local z = (x - xi) / omega
    return log_phi(alpha * z) - 0.5 * (z * z) - log(omega) + (param.LOG_2 - LOG_SQRT_2PI)
  end,
  lanes = "each",
  draw = function(choice, xi, omega, alpha)
    local delta = alpha / libm.sqrt(1 + alpha * alpha)
    return xi + omega * (delta * libm.abs(choice:normal()) + choice:normal() / libm.sqrt(1 + alpha * alpha))
  end,
}

-- log of exp(v^2 / 2 - v z) Phi(z - v), as phi(z) times Mills' ratio where z < v, so that nothing large cancels.
local function log_tilted(z, v)
  local w = z - v
  return where(core.gt(w, 0), v * (0.5 * v - z) + log_phi(w), -0.5 * (z * z) - LOG_SQRT_2PI - log(core.inverse_mills(w)))
end

--- exp_mod_normal(mu, sigma, lambda): normal(mu, sigma) + exponential(lambda). Density: lambda exp(v^2 / 2 - v z) Phi(z - v)
-- with v = lambda sigma. Source: Grushka 1972.
define {
  name = "exp_mod_normal", params = { mu, sigma, param.positive "lambda" }, support = support.real,
  logdensity = function(x, m, s, lambda) return log(lambda) + log_tilted((x - m) / s, lambda * s) end,
  logcdf = function(x, m, s, lambda)
    local z = (x - m) / s
    return core.log_diff_exp(log_phi(z), log_tilted(z, lambda * s))
  end,
  logccdf = function(x, m, s, lambda)
    local z = (x - m) / s
    return core.log_sum_exp(log_phi(-z), log_tilted(z, lambda * s))
  end,
  lanes = "each",
  draw = function(choice, m, s, lambda) return m + s * choice:normal() + choice:exponential() / lambda end,
}

--- flat(): no prior at all on the real line, an improper density of 1. Restrict it with :positive(),
-- :interval(low, high).
define {
  name = "flat", params = {}, support = support.real,
  logdensity = function() return 0 end,
}
