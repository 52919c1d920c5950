-- SPDX-License-Identifier: MIT
--- Laws of whole numbers.
local core = require "borel.core"
local handler = require "borel.handler"
local known = require "borel.laws.known"
local param = require "borel.laws.param"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local log, log1p, xlogy, mulz, where = core.log, core.log1p, core.xlogy, core.mulz, core.where
local alpha, beta, p, eta, n = param.positive "alpha", param.positive "beta", param.probability "p", param.finite "eta", param.count "n"
local counts = support.integers(0)

-- Whole numbers lowest .. highest; a bound may be an array, and then each value has its own.
local function between(lowest, highest)
  if type(lowest) == "number" and type(highest) == "number" then
    return support.integers(math.tointeger(lowest), math.tointeger(highest) - math.tointeger(lowest) + 1)
  end
  local certain = not core.is_symbolic(lowest) and not core.is_symbolic(highest)
  local first = certain and math.tointeger(-core.maximum(-lowest)) or 0
  local range = support.integers(first, certain and math.tointeger(core.maximum(highest)) - first + 1 or nil)
  function range.contains(x)
    return core.logical_and(core.eq(x, core.floor(x)), core.logical_and(core.ge(x, lowest), core.le(x, highest)))
  end
  return range
end

local MOST_TERMS = 100000

-- log P(X <= x), or P(X > x), of a law of the values 0 .. n by its sum; f(k, parameters...) is its log-density, n the first
-- parameter, known.
local function summed(name, above, f)
  return function(x, trials, ...)
    if core.is_symbolic(trials) then core.error(name .. ": its distribution function needs a known n") end
    local largest = math.tointeger(type(trials) == "number" and trials or core.maximum(trials))
    if largest > MOST_TERMS then core.error(("%s: its distribution function is a sum of n terms, at most %d"):format(name, MOST_TERMS)) end
    local function column(v) -- with an axis for the terms
      if #shapes.of(v) == 0 then return v end
      local shape = v.shape
      shape[#shape + 1] = 1
      return v:reshape(shape)
    end
    local args = { trials, ... }
    for i, arg in ipairs(args) do args[i] = column(arg) end
    local k = core.range(0, largest):to "f64"
    local within = above and core.gt(k, column(x)) or core.le(k, column(x))
    within = core.logical_and(within, core.le(k, args[1]))
    local terms = where(within, f(core.min(k, args[1]), table.unpack(args)), -math.huge)
    return core.log_sum_exp(terms, { axis = terms.rank })
  end
end

-- ---- yes or no, and how often yes ---------------------------------------------------------------------------

local two = support.integers(0, 2)

--- bernoulli(p): 1 with probability p, else 0. Density: p^x (1 - p)^(1 - x). Source: Johnson, Kemp and Kotz 2005,
-- chapter 3.
define {
  name = "bernoulli", params = { p }, support = two,
  logdensity = function(x, prob) return where(core.eq(x, 1), log(prob), log1p(-prob)) end,
  lanes = "each",
  draw = function(choice, prob) return choice:bernoulli(prob) end,
}

--- bernoulli_logit(eta): bernoulli(1 / (1 + exp(-eta))). Density: exp(x eta) / (1 + exp(eta)). Source: McCullagh and
-- Nelder 1989, chapter 4.
define {
  name = "bernoulli_logit", params = { eta }, support = two,
  logdensity = function(x, e) return x * e - core.log1p_exp(e) end,
  lanes = "each",
  draw = function(choice, e) return choice:bernoulli(core.inv_logit(e)) end,
}

local function up_to(trials) return between(0, trials) end

--- binomial(n, p): successes in n trials. Density: choose(n, x) p^x (1 - p)^(n - x). Source: Johnson, Kemp and Kotz 2005,
-- chapter 3.
define {
  name = "binomial", params = { n, p }, support = up_to,
  logdensity = function(x, trials, prob)
    return core.log_choose(trials, x) + xlogy(x, prob) + mulz(trials - x, log1p(-prob))
  end,
  logcdf = function(x, trials, prob) return where(core.lt(x, trials), core.log_inc_beta(trials - x, x + 1, 1 - prob), 0.0) end,
  logccdf = function(x, trials, prob)
    return where(core.lt(x, trials), core.log_inc_beta(x + 1, trials - x, prob), -math.huge)
  end,
  draw = function(choice, trials, prob) return choice:binomial(math.tointeger(trials), prob) end,
}

--- binomial_logit(n, eta): binomial(n, 1 / (1 + exp(-eta))). Density: choose(n, x) exp(x eta) / (1 + exp(eta))^n. Source:
-- McCullagh and Nelder 1989, chapter 4.
define {
  name = "binomial_logit", params = { n, eta }, support = up_to,
  logdensity = function(x, trials, e) return core.log_choose(trials, x) + x * e - trials * core.log1p_exp(e) end,
  draw = function(choice, trials, e) return choice:binomial(math.tointeger(trials), core.inv_logit(e)) end,
}

local function log_beta_binomial(x, trials, a, b)
  return core.log_choose(trials, x) + core.lbeta(x + a, trials - x + b) - core.lbeta(a, b)
end

--- beta_binomial(n, alpha, beta): binomial(n, p) with p of beta(alpha, beta). Density: choose(n, x) B(x + alpha,
-- n - x + beta) / B(alpha, beta). Source: Johnson, Kemp and Kotz 2005, section 6.2.
define {
  name = "beta_binomial", params = { n, alpha, beta }, support = up_to, logdensity = log_beta_binomial,
  logcdf = summed("beta_binomial", false, log_beta_binomial), logccdf = summed("beta_binomial", true, log_beta_binomial),
  draw = function(choice, trials, a, b) return choice:binomial(math.tointeger(trials), choice:beta(a, b)) end,
}

local function log_hypergeometric(x, drawn, a, b)
  return core.log_choose(a, x) + core.log_choose(b, drawn - x) - core.log_choose(a + b, drawn)
end

--- hypergeometric(n, a, b): how many of n items drawn without replacement are of the first kind, of which there are a,
-- and b of the second. Density: choose(a, x) choose(b, n - x) / choose(a + b, n). Source: Johnson, Kemp and Kotz 2005,
-- section 6.2.
define {
  name = "hypergeometric", params = { n, param.count "a", param.count "b" },
  support = function(drawn, a, b) return between(core.max(0, drawn - b), core.min(drawn, a)) end,
  check = function(drawn, a, b)
    if handler.checks() and not core.is_symbolic(drawn + a + b) and not shapes.all_true(core.le(drawn, a + b)) then
      core.error(("hypergeometric: n is %s, must be at most a + b, which is %s"):format(tostring(drawn), tostring(a + b)))
    end
  end,
  logdensity = log_hypergeometric,
  logcdf = summed("hypergeometric", false, log_hypergeometric), logccdf = summed("hypergeometric", true, log_hypergeometric),
  draw = function(choice, drawn, a, b)
    local found = 0
    for left = math.tointeger(a + b), math.tointeger(a + b - drawn) + 1, -1 do
      found = found + choice:bernoulli((a - found) / left)
    end
    return found
  end,
}

-- ---- counts without a largest value -----------------------------------------------------------------------------

--- poisson(lambda): mean lambda >= 0. Density: lambda^x exp(-lambda) / x!. Source: Johnson, Kemp and Kotz 2005, chapter 4.
define {
  name = "poisson", params = { param.nonnegative "lambda" }, support = counts,
  logdensity = function(x, lambda) return xlogy(x, lambda) - lambda - core.lgamma(x + 1) end,
  logcdf = function(x, lambda) return core.log_gamma_q(x + 1, lambda) end,
  logccdf = function(x, lambda) return core.log_gamma_p(x + 1, lambda) end,
  lanes = "each",
  draw = function(choice, lambda) return choice:poisson(lambda) end,
}

--- poisson_log(eta): poisson(exp(eta)). Density: exp(x eta - exp(eta)) / x!. Source: McCullagh and Nelder 1989, chapter 6.
define {
  name = "poisson_log", params = { eta }, support = counts,
  logdensity = function(x, e) return x * e - core.exp(e) - core.lgamma(x + 1) end,
  logcdf = function(x, e) return core.log_gamma_q(x + 1, core.exp(e)) end,
  logccdf = function(x, e) return core.log_gamma_p(x + 1, core.exp(e)) end,
  draw = function(choice, e) return choice:poisson(math.exp(e)) end,
}

-- log of choose(x + r - 1, x), without the cancellation that lgamma would have for large r.
local function log_ways(x, r) return -core.lbeta(r, x + 1) - log(x + r) end

-- phi of each, mean exp(log_mu): phi log(phi / (mu + phi)) + x log(mu / (mu + phi)).
local function log_mean_form(x, mu, log_mu, phi)
  return log_ways(x, phi) - (phi + x) * log1p(mu / phi) + mulz(x, log_mu - log(phi))
end

--- neg_binomial(alpha, beta): poisson(lambda) with lambda of gamma(alpha, beta); mean alpha / beta. Density:
-- choose(x + alpha - 1, x) (beta / (beta + 1))^alpha (1 / (beta + 1))^x. Source: Gelman and others 2013, appendix A.
define {
  name = "neg_binomial", params = { alpha, beta }, support = counts,
  logdensity = function(x, a, b) return log_ways(x, a) - a * log1p(1 / b) - x * log1p(b) end,
  logcdf = function(x, a, b) return core.log_inc_beta(a, x + 1, b / (b + 1)) end,
  logccdf = function(x, a, b) return core.log_inc_beta(x + 1, a, 1 / (b + 1)) end,
  draw = function(choice, a, b) return choice:poisson(choice:gamma(a) / b) end,
}

--- neg_binomial_2(mu, phi): mean mu >= 0, variance mu + mu^2 / phi. Density: choose(x + phi - 1, x) (mu / (mu + phi))^x
-- (phi / (mu + phi))^phi. Source: Hilbe 2011, chapter 8.
define {
  name = "neg_binomial_2", params = { param.nonnegative "mu", param.positive "phi" }, support = counts,
  logdensity = function(x, mu, phi) return log_mean_form(x, mu, log(mu), phi) end,
  logcdf = function(x, mu, phi) return core.log_inc_beta(phi, x + 1, phi / (mu + phi)) end,
  logccdf = function(x, mu, phi) return core.log_inc_beta(x + 1, phi, mu / (mu + phi)) end,
  lanes = "each",
  draw = function(choice, mu, phi) return choice:poisson(choice:gamma(phi) * mu / phi) end,
}

--- neg_binomial_2_log(eta, phi): neg_binomial_2(exp(eta), phi). Density: that of neg_binomial_2. Source: Hilbe 2011,
-- chapter 8.
define {
  name = "neg_binomial_2_log", params = { eta, param.positive "phi" }, support = counts,
  logdensity = function(x, e, phi)
    local growth = core.log1p_exp(e - log(phi)) -- log(1 + mu / phi), which mu may overflow
    return log_ways(x, phi) - (phi + x) * growth + x * (e - log(phi))
  end,
  logcdf = function(x, e, phi) return core.log_inc_beta(phi, x + 1, core.inv_logit(log(phi) - e)) end,
  logccdf = function(x, e, phi) return core.log_inc_beta(x + 1, phi, core.inv_logit(e - log(phi))) end,
  draw = function(choice, e, phi) return choice:poisson(choice:gamma(phi) * math.exp(e) / phi) end,
}

--- geometric(p): failures before the first success, 0, 1, ..., with success probability p; mean (1 - p) / p. Density:
-- p (1 - p)^x. Source: Johnson, Kemp and Kotz 2005, section 5.2.
define {
  name = "geometric", params = { p }, support = counts,
  logdensity = function(x, prob) return log(prob) + mulz(x, log1p(-prob)) end,
  logccdf = function(x, prob) return (x + 1) * log1p(-prob) end,
  draw = function(choice, prob)
    return prob < 1 and math.tointeger(math.floor(math.min(choice:exponential() / -core.log1p(-prob), 1e18))) or 0
  end,
}

-- ---- outcomes ---------------------------------------------------------------------------------------------------

--- discrete_uniform(low, high): whole numbers low .. high, which must be known numbers. Density: 1 / (high - low + 1).
-- Source: Johnson, Kemp and Kotz 2005, section 6.2.
define {
  name = "discrete_uniform", params = { "low", "high" },
  support = between,
  check = function(low, high)
    if type(low) ~= "number" or type(high) ~= "number" or not math.tointeger(low) or not math.tointeger(high) or high < low then
      core.error("discrete_uniform: low and high must be whole numbers, low <= high")
    end
  end,
  logdensity = function(_, low, high) return -math.log(high - low + 1) end,
  logcdf = function(x, low, high) return log((x - low + 1) / (high - low + 1)) end,
  logccdf = function(x, low, high) return log((high - x) / (high - low + 1)) end,
  draw = function(choice, low, high) return math.tointeger(low) + choice:uniform_int(math.tointeger(high - low + 1)) end,
}

-- Element x of each row of `values` [batch, n].
local function pick(values, x)
  local shape = values.shape
  if #shape == 1 then return values[x] end
  local outcomes, rows = shape[#shape], shapes.size(shape) // shape[#shape]
  local lead = { table.unpack(shape, 1, #shape - 1) }
  local first = ((core.range(1, rows) - 1) * outcomes):reshape(lead) -- before the first outcome of each row
  return values:reshape { rows * outcomes }[first + x]
end

local function outcomes_of(values) return support.integers(1, values.shape[#values.shape]) end

--- categorical(p): an outcome 1 .. n with the probabilities of the vector p, or of each row of a matrix. Density: p[x].
-- Source: Bishop 2006, section 2.2.
define {
  name = "categorical", params = { { name = "p", rank = 1 } }, batched = true,
  support = outcomes_of,
  check = function(probs) known.probabilities("categorical", "p", probs) end,
  logdensity = function(x, probs) return log(pick(probs, x)) end,
  lanes = "each",
  draw = function(choice, probs) return choice:categorical(core.is_particles(probs) and probs or probs:totable()) end,
}

--- categorical_logit(eta): an outcome 1 .. n with probabilities in proportion to exp(eta), a vector or each row of a matrix.
-- Density: exp(eta[x]) / sum exp(eta). Source: Bishop 2006, section 4.3.
define {
  name = "categorical_logit", params = { { name = "eta", rank = 1, check = "finite" } }, batched = true,
  support = outcomes_of,
  logdensity = function(x, e) return pick(e, x) - core.log_sum_exp(e, { axis = #e.shape }) end,
  lanes = "each",
  draw = function(choice, e)
    local weights = core.exp(e - core.maximum(e))
    local probs = weights / core.sum(weights)
    return choice:categorical(core.is_particles(probs) and probs or probs:totable())
  end,
}

-- ---- ordered outcomes -----------------------------------------------------------------------------------------------

local cutpoints = { name = "cutpoints", rank = 1, check = "increasing" }
local FAR = 1e100 -- stands for infinity, so that products with derivatives stay numbers

local function one_more(_, cuts) return support.integers(1, cuts.shape[#cuts.shape] + 1) end

-- Each row of cuts [.., n] with one more element, `edge`, in front or behind: [.., n + 1].
local function extended(cuts, edge, in_front)
  if #cuts.shape == 1 then return core.stack(in_front and { edge, cuts } or { cuts, edge }) end
  local shape, width, places = cuts.shape, cuts.shape[#cuts.shape], {}
  for row = 0, cuts.size // width - 1 do
    if in_front then places[#places + 1] = 1 end
    for k = 1, width do places[#places + 1] = 1 + row * width + k end
    if not in_front then places[#places + 1] = 1 end
  end
  shape[#shape] = width + 1
  return core.stack { edge, cuts:reshape { cuts.size } }[core.array(places)]:reshape(shape)
end

-- The cutpoints below and above outcome x.
local function bounds(x, cuts)
  return pick(extended(cuts, -FAR, true), x), pick(extended(cuts, FAR, false), x)
end

-- The outcome of the latent number `value`.
local function class_of(value, cuts)
  local k = 1
  for _, cut in ipairs(cuts:totable()) do k = value > cut and k + 1 or k end
  return k
end

--- ordered_logistic(eta, cutpoints): an outcome 1 .. K for K - 1 increasing cutpoints c (a vector, or the rows of an
-- array, one for each value of the batch), location eta. Density:
-- F(c[x] - eta) - F(c[x - 1] - eta), F the logistic cdf. Source: McCullagh 1980, eq. 2.
define {
  name = "ordered_logistic", params = { eta, cutpoints }, batched = true, support = one_more,
  logdensity = function(x, e, cuts)
    local below, above = bounds(x, cuts)
    return -core.log1p_exp(below - e) - core.log1p_exp(e - above) + core.log1m_exp(below - above)
  end,
  draw = function(choice, e, cuts)
    local u = choice:uniform()
    return class_of(e + math.log(u) - core.log1p(-u), cuts)
  end,
}

--- ordered_probit(eta, cutpoints): as ordered_logistic with the normal cdf. Density: Phi(c[x] - eta) - Phi(c[x - 1] - eta).
-- Source: McCullagh 1980, section 2.
define {
  name = "ordered_probit", params = { eta, cutpoints }, batched = true, support = one_more,
  logdensity = function(x, e, cuts)
    local below, above = bounds(x, cuts)
    local a, b = below - e, above - e
    local phi = core.std_normal_logcdf
    return where(core.gt(a + b, 0), core.log_diff_exp(phi(-a), phi(-b)), core.log_diff_exp(phi(b), phi(a)))
  end,
  draw = function(choice, e, cuts) return class_of(e + choice:normal(), cuts) end,
}
