-- SPDX-License-Identifier: MIT
--- Laws of positive numbers. z is x / sigma where there is a scale sigma; a rate is one over a scale.
local core = require "borel.core"
local param = require "borel.laws.param"
local support = require "borel.support"
local define = require "borel.law".define

local libm = core.libm -- for draws
local log, xlogy = core.log, core.xlogy
local log_phi = core.std_normal_logcdf
local LOG_2, LOG_SQRT_2PI = param.LOG_2, param.LOG_SQRT_2PI
local mu, sigma = param.finite "mu", param.positive "sigma"
local alpha, beta, nu = param.positive "alpha", param.positive "beta", param.positive "nu"

--- half_normal(sigma): |normal(0, sigma)|. Density: 2 exp(-z^2 / 2) / (sigma sqrt(2 pi)). Source: Johnson, Kotz and
-- Balakrishnan 1994, chapter 13.
define {
  name = "half_normal", params = { sigma }, support = support.positive,
  logdensity = function(x, s)
    local z = x / s
    return -0.5 * (z * z) - log(s) + (LOG_2 - LOG_SQRT_2PI)
  end,
  logcdf = function(x, s) return log(core.erf(x / s * math.sqrt(0.5))) end,
  logccdf = function(x, s) return LOG_2 + log_phi(-x / s) end,
  lanes = "whole",
  draw = function(choice, s) return libm.abs(s * choice:normal()) end,
}

--- half_cauchy(sigma): |cauchy(0, sigma)|. Density: 2 / (pi sigma (1 + z^2)). Source: Gelman 2006, section 3.2.
define {
  name = "half_cauchy", params = { sigma }, support = support.positive,
  logdensity = function(x, s)
    local z = x / s
    return -core.log1p(z * z) - log(s) + (LOG_2 - param.LOG_PI)
  end,
  logcdf = function(x, s) return log(core.atan(x / s)) + (LOG_2 - param.LOG_PI) end,
  logccdf = function(x, s) return LOG_2 + core.student_t_logcdf(1, -x / s) end,
  lanes = "whole",
  draw = function(choice, s) return libm.abs(s * libm.tan(math.pi * (choice:uniform() - 0.5))) end,
}

--- half_student_t(nu, sigma): |student_t(nu, 0, sigma)|. Density: 2 (1 + z^2 / nu)^(-(nu + 1) / 2) / (sigma sqrt(nu)
-- B(1/2, nu/2)). Source: Gelman 2006, section 3.2.
define {
  name = "half_student_t", params = { nu, sigma }, support = support.positive,
  logdensity = function(x, n, s)
    local z = x / s
    return LOG_2 - 0.5 * (n + 1) * core.log1p(z * z / n) - 0.5 * log(n) - core.lbeta(0.5, 0.5 * n) - log(s)
  end,
  logcdf = function(x, n, s)
    local square = (x / s) * (x / s)
    return core.log_inc_beta(0.5, 0.5 * n, square / (n + square))
  end,
  logccdf = function(x, n, s) return LOG_2 + core.student_t_logcdf(n, -x / s) end,
  lanes = "each",
  draw = function(choice, n, s) return libm.abs(s * choice:normal()) / libm.sqrt(2 * choice:gamma(0.5 * n) / n) end,
}

--- exponential(rate): mean 1 / rate. Density: rate exp(-rate x). Source: Johnson, Kotz and Balakrishnan 1994, chapter 19.
define {
  name = "exponential", params = { param.positive "rate" }, support = support.positive,
  logdensity = function(x, rate) return log(rate) - rate * x end,
  logccdf = function(x, rate) return -rate * x end,
  lanes = "each",
  draw = function(choice, rate) return choice:exponential() / rate end,
}

-- log of x^(a - 1) exp(-x) / Gamma(a)
local function log_gamma_density(a, x) return xlogy(a - 1, x) - x - core.lgamma(a) end

--- gamma(alpha, beta): shape and rate, mean alpha / beta. Density: beta^alpha x^(alpha - 1) exp(-beta x) / Gamma(alpha).
-- Source: Johnson, Kotz and Balakrishnan 1994, chapter 17.
define {
  name = "gamma", params = { alpha, beta }, support = support.positive,
  logdensity = function(x, a, b) return log_gamma_density(a, b * x) + log(b) end,
  logcdf = function(x, a, b) return core.log_gamma_p(a, b * x) end,
  logccdf = function(x, a, b) return core.log_gamma_q(a, b * x) end,
  lanes = "each",
  draw = function(choice, a, b) return choice:gamma(a) / b end,
}

--- chi_square(nu): degrees of freedom; gamma(nu/2, 1/2). Density: x^(nu/2 - 1) exp(-x/2) / (2^(nu/2) Gamma(nu/2)).
-- Source: Johnson, Kotz and Balakrishnan 1994, chapter 18.
define {
  name = "chi_square", params = { nu }, support = support.positive,
  logdensity = function(x, n) return log_gamma_density(0.5 * n, 0.5 * x) - LOG_2 end,
  logcdf = function(x, n) return core.log_gamma_p(0.5 * n, 0.5 * x) end,
  logccdf = function(x, n) return core.log_gamma_q(0.5 * n, 0.5 * x) end,
  lanes = "each",
  draw = function(choice, n) return 2 * choice:gamma(0.5 * n) end,
}

-- log-density at x of b / g, g of gamma(a, 1)
local function log_inverse_gamma(x, a, b) return a * log(b) - core.lgamma(a) - (a + 1) * log(x) - b / x end

--- inverse_gamma(alpha, beta): 1 / gamma(alpha, beta), so beta is a scale. Density: beta^alpha x^(-alpha - 1) exp(-beta / x) /
-- Gamma(alpha). Source: Gelman and others 2013, appendix A.
define {
  name = "inverse_gamma", params = { alpha, beta }, support = support.above_zero,
  logdensity = log_inverse_gamma,
  logcdf = function(x, a, b) return core.log_gamma_q(a, b / x) end,
  logccdf = function(x, a, b) return core.log_gamma_p(a, b / x) end,
  lanes = "each",
  draw = function(choice, a, b) return b / choice:gamma(a) end,
}

--- inverse_chi_square(nu): 1 / chi_square(nu). Density: x^(-nu/2 - 1) exp(-1 / (2 x)) / (2^(nu/2) Gamma(nu/2)). Source:
-- Gelman and others 2013, appendix A.
define {
  name = "inverse_chi_square", params = { nu }, support = support.above_zero,
  logdensity = function(x, n) return log_inverse_gamma(x, 0.5 * n, 0.5) end,
  logcdf = function(x, n) return core.log_gamma_q(0.5 * n, 0.5 / x) end,
  logccdf = function(x, n) return core.log_gamma_p(0.5 * n, 0.5 / x) end,
  lanes = "each",
  draw = function(choice, n) return 0.5 / choice:gamma(0.5 * n) end,
}

--- scaled_inverse_chi_square(nu, sigma): nu sigma^2 / chi_square(nu), a law of variances. Density: that of
-- inverse_gamma(nu/2, nu sigma^2 / 2). Source: Gelman and others 2013, appendix A.
define {
  name = "scaled_inverse_chi_square", params = { nu, sigma }, support = support.above_zero,
  logdensity = function(x, n, s) return log_inverse_gamma(x, 0.5 * n, 0.5 * n * s * s) end,
  logcdf = function(x, n, s) return core.log_gamma_q(0.5 * n, 0.5 * n * s * s / x) end,
  logccdf = function(x, n, s) return core.log_gamma_p(0.5 * n, 0.5 * n * s * s / x) end,
  lanes = "each",
  draw = function(choice, n, s) return 0.5 * n * s * s / choice:gamma(0.5 * n) end,
}

--- lognormal(mu, sigma): exp(normal(mu, sigma)). Density: exp(-z^2 / 2) / (x sigma sqrt(2 pi)), z = (log x - mu) / sigma.
-- Source: Johnson, Kotz and Balakrishnan 1994, chapter 14.
define {
  name = "lognormal", params = { mu, sigma }, support = support.above_zero,
  logdensity = function(x, m, s)
    local z = (log(x) - m) / s
    return -0.5 * (z * z) - log(x) - log(s) - LOG_SQRT_2PI
  end,
  logcdf = function(x, m, s) return log_phi((log(x) - m) / s) end,
  logccdf = function(x, m, s) return log_phi((m - log(x)) / s) end,
  lanes = "whole",
  draw = function(choice, m, s) return libm.exp(m + s * choice:normal()) end,
}

--- weibull(alpha, sigma): shape and scale. Density: alpha / sigma z^(alpha - 1) exp(-z^alpha). Source: Johnson, Kotz and
-- Balakrishnan 1994, chapter 21.
define {
  name = "weibull", params = { alpha, sigma }, support = support.positive,
  logdensity = function(x, a, s)
    local z = x / s
    return log(a) - log(s) + xlogy(a - 1, z) - core.pow(z, a)
  end,
  logccdf = function(x, a, s) return -core.pow(x / s, a) end,
  draw = function(choice, a, s) return s * choice:exponential() ^ (1 / a) end,
}

--- rayleigh(sigma): the length of a vector of two normal(0, sigma). Density: x / sigma^2 exp(-z^2 / 2). Source: Johnson,
-- Kotz and Balakrishnan 1994, chapter 18.
define {
  name = "rayleigh", params = { sigma }, support = support.positive,
  logdensity = function(x, s)
    local z = x / s
    return log(z) - log(s) - 0.5 * (z * z)
  end,
  logccdf = function(x, s)
    local z = x / s
    return -0.5 * (z * z)
  end,
  lanes = "each",
  draw = function(choice, s) return s * libm.sqrt(2 * choice:exponential()) end,
}

--- frechet(alpha, sigma): shape and scale, for maxima. Density: alpha / sigma z^(-alpha - 1) exp(-z^-alpha). Source:
-- Johnson, Kotz and Balakrishnan 1995, chapter 22.
define {
  name = "frechet", params = { alpha, sigma }, support = support.above_zero,
  logdensity = function(x, a, s)
    local z = x / s
    return log(a) - log(s) - (a + 1) * log(z) - core.pow(z, -a)
  end,
  logcdf = function(x, a, s) return -core.pow(x / s, -a) end,
  draw = function(choice, a, s) return s * choice:exponential() ^ (-1 / a) end,
}

--- inverse_gaussian(mu, lambda): mean and shape, also called Wald. Density: sqrt(lambda / (2 pi x^3))
-- exp(-lambda (x - mu)^2 / (2 mu^2 x)). Source: Johnson, Kotz and Balakrishnan 1994, chapter 15; sampler: Michael,
-- Schucany and Haas 1976.
local function wald_places(x, m, lambda)
  local root = core.sqrt(lambda / x)
  return root * (x / m - 1), root * (x / m + 1)
end
-- exp(2 lambda / mu) Phi(-b) as phi(a) times Mills' ratio at b, since b^2 = a^2 + 4 lambda / mu.
local function wald_term(a, b) return -0.5 * (a * a) - LOG_SQRT_2PI - log(core.inverse_mills(-b)) end
define {
  name = "inverse_gaussian", params = { param.positive "mu", param.positive "lambda" }, support = support.above_zero,
  logdensity = function(x, m, lambda)
    local away = (x - m) / m
    return 0.5 * log(lambda) - LOG_SQRT_2PI - 1.5 * log(x) - 0.5 * lambda * (away * away) / x
  end,
  logcdf = function(x, m, lambda)
    local a, b = wald_places(x, m, lambda)
    return core.log_sum_exp(log_phi(a), wald_term(a, b))
  end,
  logccdf = function(x, m, lambda)
    local a, b = wald_places(x, m, lambda)
    return core.log_diff_exp(log_phi(-a), wald_term(a, b))
  end,
  draw = function(choice, m, lambda)
    local n = choice:normal()
    local w = m * n * n / lambda
    local x = m * 2 / (2 + w + math.sqrt(w * (4 + w))) -- the smaller root, without cancellation
    return choice:uniform() * (m + x) <= m and x or m * m / x
  end,
}

--- pareto(y_min, alpha): smallest value and shape, x >= y_min. Density: alpha y_min^alpha x^(-alpha - 1). Source: Johnson,
-- Kotz and Balakrishnan 1994, chapter 20.
define {
  name = "pareto", params = { param.positive "y_min", alpha }, support = support.lower,
  logdensity = function(x, low, a) return log(a) - log(low) - (a + 1) * log(x / low) end,
  logccdf = function(x, low, a) return -a * log(x / low) end,
  lanes = "each",
  draw = function(choice, low, a) return low * libm.exp(choice:exponential() / a) end,
}

--- pareto_type_2(mu, lambda, alpha): location, scale, shape, x >= mu; with mu = 0 called Lomax. Density: alpha / lambda
-- (1 + z)^(-alpha - 1), z = (x - mu) / lambda. Source: Johnson, Kotz and Balakrishnan 1994, chapter 20.
define {
  name = "pareto_type_2", params = { mu, param.positive "lambda", alpha }, support = function(m) return support.lower(m) end,
  logdensity = function(x, m, lambda, a) return log(a) - log(lambda) - (a + 1) * core.log1p((x - m) / lambda) end,
  logccdf = function(x, m, lambda, a) return -a * core.log1p((x - m) / lambda) end,
  lanes = "each",
  draw = function(choice, m, lambda, a) return m + lambda * core.expm1(choice:exponential() / a) end,
}

-- log(1 + xi z) / xi; around xi = 0 it is z - xi z^2 / 2, which has its derivative too.
local function log_growth(xi, z)
  local straight = core.eq(xi, 0)
  return core.where(straight, z - 0.5 * (xi * z) * z, core.log1p(xi * z) / core.where(straight, 1.0, xi))
end

--- generalized_pareto(mu, sigma, xi): location, scale, shape, x >= mu, and x <= mu - sigma / xi where xi < 0. Density:
-- (1 + xi z)^(-1 / xi - 1) / sigma, z = (x - mu) / sigma; exp(-z) / sigma for xi = 0. Source: Pickands 1975.
define {
  name = "generalized_pareto", params = { mu, sigma, param.finite "xi" }, support = function(m) return support.lower(m) end,
  logdensity = function(x, m, s, xi)
    local z = (x - m) / s
    local inside = core.gt(xi * z, -1)
    local growth = log_growth(xi, core.where(inside, z, 0.0))
    return core.where(inside, -log(s) - (1 + xi) * growth, -math.huge)
  end,
  logccdf = function(x, m, s, xi)
    local z = (x - m) / s
    local inside = core.gt(xi * z, -1)
    return core.where(inside, -log_growth(xi, core.where(inside, z, 0.0)), -math.huge)
  end,
  draw = function(choice, m, s, xi)
    local e = choice:exponential()
    return m + s * (xi == 0 and e or core.expm1(xi * e) / xi)
  end,
}
