-- SPDX-License-Identifier: MIT
--- Laws of vectors: Dirichlet, multinomial, multivariate normal and t, the sum-to-zero normal. All take leading axes.
local core = require "borel.core"
local known = require "borel.laws.known"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local LOG_SQRT_2PI, LOG_PI = 0.91893853320467274178, 1.1447298858494001741

local function last(x) return x.shape[#x.shape] end
local function sum_last(x) return core.sum(x, #x.shape) end
local function width(x) return { last(x) } end
local function all_positive(x)
  if not core.is_symbolic(x) then return true end
  return core.eq(sum_last(core.where(core.gt(x, 0), 0.0, 1.0)), 0)
end

-- ---- shares and counts -------------------------------------------------------------------------------------

-- log B(alpha), the multivariate Beta function.
local function log_beta(alpha) return sum_last(core.lgamma(alpha)) - core.lgamma(sum_last(alpha)) end

-- Gamma variates as logs: those of small shapes are too small for a number (G(a) = G(a + 1) U^(1/a)).
local function log_gamma_draw(choice, a) return math.log(choice:gamma(a + 1)) + math.log(choice:uniform()) / a end

local function dirichlet_draw(choice, alpha)
  local logs = {}
  for k = 1, #alpha do logs[k] = log_gamma_draw(choice, alpha[k]) end
  local log_x = core.array(logs)
  return core.exp(log_x - core.log_sum_exp(log_x))
end

--- dirichlet(alpha): K shares that sum to 1, alpha [.., K] positive. With respect to K - 1 of them.
define {
  name = "dirichlet", params = { { name = "alpha", rank = 1, check = "positive" } },
  event = width, support = support.simplex, batched = true,
  logdensity = function(x, alpha)
    return known.where(all_positive(alpha), sum_last(core.xlogy(alpha - 1, x)) - log_beta(alpha))
  end,
  draw = dirichlet_draw,
}

local function most(n)
  return type(n) == "number" and n or math.tointeger(core.maximum(n))
end
local function counts(n) return support.integers(0, most(n) + 1) end
local function check_trials(law, n)
  if core.is_symbolic(n) then core.error(law .. ": n must be known") end
  for _, trials in ipairs(shapes.flat(n)) do known.whole(law, "n", trials, 0) end
end

-- lp where the counts sum to n.
local function if_all_counted(x, n, lp) return core.where(core.eq(sum_last(x), n), lp, -math.huge) end

local function multinomial_draw(choice, n, p)
  local x, left, rest = {}, math.tointeger(n), 1
  for k = 1, #p do
    local share = rest > 0 and math.min(1, p[k] / rest) or 0
    x[k] = k == #p and left or left > 0 and math.tointeger(choice:binomial(left, share)) or 0
    left, rest = left - x[k], rest - p[k]
  end
  return core.array(x)
end

--- multinomial(n, p): how often each of K outcomes comes in n trials; n is known, p [.., K] sums to 1.
define {
  name = "multinomial", params = { "n", { name = "p", rank = 1 } },
  event = function(_, p) return width(p) end, support = counts, batched = true,
  check = function(n, p)
    check_trials("multinomial", n)
    known.probabilities("multinomial", "p", p)
  end,
  logdensity = function(x, n, p)
    return if_all_counted(x, n, core.lgamma(n + 1.0) - sum_last(core.lgamma(x + 1.0)) + sum_last(core.xlogy(x, p)))
  end,
  draw = multinomial_draw,
}

--- dirichlet_multinomial(n, alpha): multinomial(n, p) with p ~ dirichlet(alpha).
define {
  name = "dirichlet_multinomial", params = { "n", { name = "alpha", rank = 1, check = "positive" } },
  event = function(_, alpha) return width(alpha) end, support = counts, batched = true,
  check = function(n) check_trials("dirichlet_multinomial", n) end,
  logdensity = function(x, n, alpha)
    local total = sum_last(alpha)
    local lp = core.lgamma(n + 1.0) + core.lgamma(total) - core.lgamma(n + total)
      + sum_last(core.lgamma(x + alpha) - core.lgamma(alpha) - core.lgamma(x + 1.0))
    return known.where(all_positive(alpha), if_all_counted(x, n, lp))
  end,
  draw = function(choice, n, alpha) return multinomial_draw(choice, n, dirichlet_draw(choice, alpha)) end,
}

-- ---- normal and t --------------------------------------------------------------------------------------------

-- Vectors along the last axis as columns, and what there is for each column in the shape of v without that axis.
local function columns(v)
  if #v.shape == 1 then return v end
  return v:reshape { v.size // last(v), last(v) }:t()
end
local function for_each(numbers, v)
  if #v.shape == 1 then return numbers end
  return numbers:reshape { table.unpack(v.shape, 1, #v.shape - 1) }
end
local function squares(z, v) return for_each(core.sum(z * z, #z.shape == 2 and 1 or nil), v) end
local function log_diagonal(L) return core.sum(core.log(core.diagonal(L))) end

-- The squared Mahalanobis distance of x from mu.
local function distance(x, mu, sigma)
  local away = x - mu
  return for_each(core.mahalanobis(sigma, columns(away)), away)
end

local function standard(choice, K)
  local z = {}
  for k = 1, K do z[k] = choice:normal() end
  return core.stack(z)
end

local function one_matrix(_, matrix) return #matrix.shape == 2 end
local function event(mu) return width(mu) end
local mean = { name = "mu", rank = 1 }

--- multi_normal(mu, sigma): mean [.., K], covariance matrix [.., K, K], of which the lower triangle is read.
define {
  name = "multi_normal", params = { mean, { name = "sigma", rank = 2 } }, event = event, support = support.real, batched = one_matrix,
  check = function(mu, sigma)
    known.fit("multi_normal", "mu", mu, "sigma", sigma)
    known.covariance("multi_normal", "sigma", sigma)
  end,
  logdensity = function(x, mu, sigma)
    return -0.5 * distance(x, mu, sigma) - 0.5 * core.logdet(sigma) - #sigma * LOG_SQRT_2PI
  end,
  lanes = "each",
  draw = function(choice, mu, sigma) return mu + core.matmul(core.cholesky(sigma), standard(choice, #mu)) end,
}

--- multi_normal_cholesky(mu, L): covariance matrix L L'.
define {
  name = "multi_normal_cholesky", params = { mean, { name = "L", rank = 2 } }, event = event, support = support.real, batched = one_matrix,
  check = function(mu, L)
    known.fit("multi_normal_cholesky", "mu", mu, "L", L)
    known.factor("multi_normal_cholesky", "L", L)
  end,
  logdensity = function(x, mu, L)
    local away = x - mu
    return -0.5 * squares(core.solve_triangular(L, columns(away)), away) - log_diagonal(L) - #L * LOG_SQRT_2PI
  end,
  lanes = "each",
  draw = function(choice, mu, L) return mu + core.matmul(L, standard(choice, #mu)) end,
}

--- multi_normal_precision(mu, omega): omega is the inverse of the covariance matrix.
define {
  name = "multi_normal_precision", params = { mean, { name = "omega", rank = 2 } },
  event = event, support = support.real, batched = one_matrix,
  check = function(mu, omega)
    known.fit("multi_normal_precision", "mu", mu, "omega", omega)
    known.covariance("multi_normal_precision", "omega", omega)
  end,
  logdensity = function(x, mu, omega)
    local L, away = core.cholesky(omega), x - mu
    return -0.5 * squares(core.matmul(L:t(), columns(away)), away) + log_diagonal(L) - #L * LOG_SQRT_2PI
  end,
  draw = function(choice, mu, omega)
    return mu + core.solve_triangular(core.cholesky(omega), standard(choice, #mu), { transposed = true })
  end,
}

--- multi_student_t(nu, mu, sigma): sigma is the scale matrix; the covariance is sigma nu / (nu - 2).
define {
  name = "multi_student_t", params = { { name = "nu", check = "positive" }, mean, { name = "sigma", rank = 2 } },
  event = function(_, mu) return width(mu) end, support = support.real,
  batched = function(_, mu, sigma) return one_matrix(mu, sigma) end,
  check = function(_, mu, sigma)
    known.fit("multi_student_t", "mu", mu, "sigma", sigma)
    known.covariance("multi_student_t", "sigma", sigma)
  end,
  logdensity = function(x, nu, mu, sigma)
    local K = last(mu)
    return core.lgamma(0.5 * (nu + K)) - core.lgamma(0.5 * nu) - 0.5 * K * (core.log(nu) + LOG_PI) - 0.5 * core.logdet(sigma)
      - 0.5 * (nu + K) * core.log1p(distance(x, mu, sigma) / nu)
  end,
  draw = function(choice, nu, mu, sigma)
    local scale = math.sqrt(0.5 * nu / choice:gamma(0.5 * nu))
    return mu + core.matmul(core.cholesky(sigma), standard(choice, #mu)) * scale
  end,
}

--- zero_sum_normal(n, sigma): n normal numbers given that their sum is 0: variance sigma^2 (1 - 1/n) each,
-- correlation -1 / (n - 1). A density on the plane of such vectors.
define {
  name = "zero_sum_normal", params = { "n", { name = "sigma", check = "positive" } }, event = function(n) return { math.tointeger(n) } end,
  support = support.sum_to_zero, batched = true,
  check = function(n) known.whole("zero_sum_normal", "n", n, 2) end,
  logdensity = function(x, n, sigma)
    return -0.5 * sum_last(x * x) / (sigma * sigma) - (n - 1) * (core.log(sigma) + LOG_SQRT_2PI)
  end,
  draw = function(choice, n, sigma)
    local z = standard(choice, math.tointeger(n))
    return sigma * (z - core.mean(z))
  end,
}
