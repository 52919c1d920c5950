-- SPDX-License-Identifier: MIT
--- Laws on intervals.
local core = require "borel.core"
local handler = require "borel.handler"
local param = require "borel.laws.param"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local log, log1p, xlogy, where = core.log, core.log1p, core.xlogy, core.where
local alpha, beta = param.positive "alpha", param.positive "beta"
local unit = support.interval(0, 1)
-- Where the density has the limit 0 at both ends.
local open_unit = setmetatable({
  contains = function(x) return core.logical_and(core.gt(x, 0), core.lt(x, 1)) end,
}, { __index = unit })

-- Raises an error unless a < b where both are known.
local function check_order(law, a_name, a, b_name, b, strict)
  if not handler.checks() or core.is_symbolic(a) or core.is_symbolic(b) then return end
  if not shapes.all_true(strict and core.lt(a, b) or core.le(a, b)) then
    core.error(("%s: %s is %s, must be %s %s, which is %s"):format(law, a_name, tostring(a), strict and "less than" or "at most",
      b_name, tostring(b)))
  end
end

--- uniform(low, high): the bounds may be unknowns. Density: 1 / (high - low). Source: Johnson, Kotz and Balakrishnan
-- 1995, chapter 26.
define {
  name = "uniform", params = { param.finite "low", param.finite "high" }, support = support.interval,
  check = function(low, high) check_order("uniform", "low", low, "high", high, true) end,
  logdensity = function(_, low, high) return -log(high - low) end,
  logcdf = function(x, low, high) return log((x - low) / (high - low)) end,
  logccdf = function(x, low, high) return log((high - x) / (high - low)) end,
  lanes = "whole",
  draw = function(choice, low, high) return low + (high - low) * choice:uniform() end,
}

--- loguniform(low, high): the logarithm is uniform, 0 < low < high. Density: 1 / (x log(high / low)). Source: Hamming
-- 1970.
define {
  name = "loguniform", params = { param.positive "low", param.positive "high" }, support = support.interval,
  check = function(low, high) check_order("loguniform", "low", low, "high", high, true) end,
  logdensity = function(x, low, high) return -log(x) - log(log(high / low)) end,
  logcdf = function(x, low, high) return log(log(x / low) / log(high / low)) end,
  logccdf = function(x, low, high) return log(log(high / x) / log(high / low)) end,
  draw = function(choice, low, high) return low * (high / low) ^ choice:uniform() end,
}

--- triangular(low, mode, high): low <= mode <= high. Density: 2 (x - low) / ((high - low) (mode - low)) below the mode,
-- 2 (high - x) / ((high - low) (high - mode)) above. Source: Johnson, Kotz and Balakrishnan 1995, chapter 26.
define {
  name = "triangular", params = { param.finite "low", param.finite "mode", param.finite "high" },
  support = function(low, _, high) return support.interval(low, high) end,
  check = function(low, mode, high)
    check_order("triangular", "low", low, "mode", mode)
    check_order("triangular", "mode", mode, "high", high)
    check_order("triangular", "low", low, "high", high, true)
  end,
  logdensity = function(x, low, mode, high)
    local rising = core.lt(x, mode)
    return param.LOG_2 - log(high - low) + where(rising, log((x - low) / (mode - low)),
      where(core.eq(x, mode), 0.0, log((high - x) / (high - mode))))
  end,
  logcdf = function(x, low, mode, high)
    local rising = (x - low) * ((x - low) / (mode - low)) / (high - low)
    return where(core.lt(x, mode), log(rising), log1p(-(high - x) * ((high - x) / (high - mode)) / (high - low)))
  end,
  logccdf = function(x, low, mode, high)
    local rising = (x - low) * ((x - low) / (mode - low)) / (high - low)
    return where(core.lt(x, mode), log1p(-rising), log((high - x) * ((high - x) / (high - mode)) / (high - low)))
  end,
  draw = function(choice, low, mode, high)
    local u, width = choice:uniform(), high - low
    if u * width < mode - low then return low + math.sqrt(u * width * (mode - low)) end
    return high - math.sqrt((1 - u) * width * (high - mode))
  end,
}

local function log_beta_density(x, a, b) return xlogy(a - 1, x) + core.mulz(b - 1, log1p(-x)) - core.lbeta(a, b) end

--- beta(alpha, beta): on (0, 1), mean alpha / (alpha + beta). Density: x^(alpha - 1) (1 - x)^(beta - 1) / B(alpha, beta).
-- Source: Johnson, Kotz and Balakrishnan 1995, chapter 25.
define {
  name = "beta", params = { alpha, beta }, support = unit,
  logdensity = log_beta_density,
  logcdf = function(x, a, b) return core.log_inc_beta(a, b, x) end,
  logccdf = function(x, a, b) return core.log_inc_beta(b, a, 1 - x) end,
  lanes = "each",
  draw = function(choice, a, b) return choice:beta(a, b) end,
}

--- beta_proportion(mu, kappa): mean in (0, 1) and precision > 0; beta(mu kappa, (1 - mu) kappa). Density: that of beta.
-- Source: Ferrari and Cribari-Neto 2004, eq. 4.
define {
  name = "beta_proportion", params = { param.fraction "mu", param.positive "kappa" }, support = unit,
  logdensity = function(x, mu, kappa) return log_beta_density(x, mu * kappa, (1 - mu) * kappa) end,
  logcdf = function(x, mu, kappa) return core.log_inc_beta(mu * kappa, (1 - mu) * kappa, x) end,
  logccdf = function(x, mu, kappa) return core.log_inc_beta((1 - mu) * kappa, mu * kappa, 1 - x) end,
  lanes = "each",
  draw = function(choice, mu, kappa) return choice:beta(mu * kappa, (1 - mu) * kappa) end,
}

--- kumaraswamy(alpha, beta): on (0, 1). Density: alpha beta x^(alpha - 1) (1 - x^alpha)^(beta - 1). Source: Jones 2009.
define {
  name = "kumaraswamy", params = { alpha, beta }, support = unit,
  logdensity = function(x, a, b)
    return log(a) + log(b) + xlogy(a - 1, x) + core.mulz(b - 1, core.log1m_exp(a * log(x)))
  end,
  logccdf = function(x, a, b) return b * core.log1m_exp(a * log(x)) end,
  draw = function(choice, a, b) return math.exp(core.log1m_exp(-choice:exponential() / b) / a) end,
}

--- logit_normal(mu, sigma): 1 / (1 + exp(-y)) with y of normal(mu, sigma). Density: exp(-z^2 / 2) / (x (1 - x) sigma
-- sqrt(2 pi)), z = (logit(x) - mu) / sigma. Source: Atchison and Shen 1980.
define {
  name = "logit_normal", params = { param.finite "mu", param.positive "sigma" }, support = open_unit,
  logdensity = function(x, mu, sigma)
    local z = (core.logit(x) - mu) / sigma
    return -0.5 * (z * z) - log(sigma) - param.LOG_SQRT_2PI - log(x) - log1p(-x)
  end,
  logcdf = function(x, mu, sigma) return core.std_normal_logcdf((core.logit(x) - mu) / sigma) end,
  logccdf = function(x, mu, sigma) return core.std_normal_logcdf((mu - core.logit(x)) / sigma) end,
  lanes = "whole",
  draw = function(choice, mu, sigma) return core.inv_logit(mu + sigma * choice:normal()) end,
}

-- A number of von Mises with mean 0 (Best and Fisher 1979); rho in the form that does not cancel for small kappa.
local function draw_von_mises(choice, kappa)
  if kappa < 1e-8 then return math.pi * (2 * choice:uniform() - 1) end
  local tau = 1 + math.sqrt(1 + 4 * kappa * kappa)
  local rho = 2 * kappa / (tau + math.sqrt(2 * tau))
  local r = (1 + rho * rho) / (2 * rho)
  while true do
    local z = math.cos(math.pi * choice:uniform())
    local f = (1 + r * z) / (r + z)
    local c, u = kappa * (r - f), choice:uniform()
    if c * (2 - c) > u or math.log(c / u) + 1 >= c then
      local angle = math.acos(math.max(-1, math.min(1, f)))
      return choice:bernoulli(0.5) == 1 and angle or -angle
    end
  end
end

--- von_mises(mu, kappa): angles in radians from -pi to pi, mean direction and concentration kappa >= 0. Density:
-- exp(kappa cos(x - mu)) / (2 pi I0(kappa)). Source: Mardia and Jupp 2000, section 3.5.4.
define {
  name = "von_mises", params = { param.finite "mu", param.nonnegative "kappa" }, support = support.interval(-math.pi, math.pi),
  logdensity = function(x, mu, kappa)
    local s = core.sin(0.5 * (x - mu))
    return -2 * kappa * (s * s) - param.LOG_2PI - core.log_i0e(kappa)
  end,
  draw = function(choice, mu, kappa)
    local x = mu + draw_von_mises(choice, kappa)
    x = x - 2 * math.pi * math.floor((x + math.pi) / (2 * math.pi))
    return math.max(-math.pi, math.min(math.pi, x))
  end,
}
