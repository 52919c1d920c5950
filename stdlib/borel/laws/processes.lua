-- SPDX-License-Identifier: MIT
--- Laws of series and functions: Gaussian process, random walk, autoregression.
local core = require "borel.core"
local handler = require "borel.handler"
local known = require "borel.laws.known"
local law = require "borel.law"
local support = require "borel.support"

local LOG_SQRT_2PI = 0.91893853320467274178

local function sum_normal(z, sigma, n) return -0.5 * core.sum(z * z) / (sigma * sigma) - n * (core.log(sigma) + LOG_SQRT_2PI) end

-- ---- Gaussian process ----------------------------------------------------------------------------------------

local JITTER = 1e-9 -- of the mean variance: rounding leaves smooth kernels with eigenvalues of about -1e-16 N

local function jittered(K, jitter)
  local n = #K
  return K + core.diag(core.ones(n)) * (jitter * core.trace(K) / n)
end

local construct = law.define {
  name = "gaussian_process",
  params = { { name = "mean", rank = 1 }, { name = "covariance", rank = 2 }, { name = "jitter", check = "nonnegative" } },
  event = function(mean) return { #mean } end, support = support.real,
  check = function(mean, covariance) known.fit("gaussian_process", "mean", mean, "covariance", covariance) end,
  logdensity = function(x, mean, covariance, jitter)
    local K = jittered(covariance, jitter)
    return -0.5 * core.mahalanobis(K, x - mean) - 0.5 * core.logdet(K) - #x * LOG_SQRT_2PI
  end,
  draw = function(choice, mean, covariance, jitter)
    local z = {}
    for k = 1, #mean do z[k] = choice:normal() end
    return mean + core.matmul(core.cholesky(jittered(covariance, jitter)), core.array(z))
  end,
}

--- gaussian_process(mean, covariance [, jitter]): the values of a Gaussian process at N points: mean [N] or a number,
-- covariance [N, N] such as borel.kernels make. jitter (default 1e-9) times the mean variance is added to the diagonal.
function law.constructors.gaussian_process(mean, covariance, jitter)
  if type(covariance) == "table" and getmetatable(covariance) == nil then covariance = core.array(covariance) end
  local shape = (core.is_array(covariance) or core.is_symbolic(covariance)) and covariance.shape or {}
  if #shape == 2 and (type(mean) == "number" or core.is_symbolic(mean) and #mean.shape == 0) then mean = mean + core.zeros(shape[1]) end
  return construct(mean, covariance, jitter == nil and JITTER or jitter)
end

-- ---- random walk and autoregression ---------------------------------------------------------------------------

local function length(n) return { math.tointeger(n) } end

--- gaussian_random_walk(n, start, drift, sigma): x_t = x_(t-1) + drift + sigma e_t for t = 1 .. n, with x_0 = start.
law.define {
  name = "gaussian_random_walk", params = { "n", "start", "drift", { name = "sigma", check = "positive" } }, event = length,
  support = support.real,
  check = function(n) known.whole("gaussian_random_walk", "n", n, 1) end,
  logdensity = function(x, n, start, drift, sigma)
    local before = n == 1 and core.stack { start } or core.stack { start, x:slice(1, n - 1) }
    return sum_normal(x - before - drift, sigma, n)
  end,
  draw = function(choice, n, start, drift, sigma)
    local x, at = {}, start
    for t = 1, n do
      at = at + drift + sigma * choice:normal()
      x[t] = at
    end
    return x
  end,
}

-- Which element of an array of 1-based places: a matrix of place(i, j).
local function places(rows, columns, place)
  local all = {}
  for i = 1, rows do
    all[i] = {}
    for j = 1, columns do all[i][j] = place(i, j) end
  end
  return core.array(all)
end

-- Autocovariances 0 .. p for sigma = 1: the Yule-Walker equations gamma_k - sum_j phi_j gamma_|k-j| = [k = 0].
local function autocovariances(phi)
  local p = #phi
  local size = p + 1
  local enters = places(size * size, p, function(at, j)
    return math.abs((at - 1) // size - j) == (at - 1) % size and 1.0 or 0.0
  end)
  local matrix = core.diag(core.ones(size)) - core.matmul(enters, phi):reshape { size, size }
  return core.solve(matrix, core.stack { 1.0, core.zeros(p) })
end

-- Factor of the covariance of p values in a row, for sigma = 1; NaN when phi is not that of a stationary process.
local function stationary_factor(phi)
  local p = #phi
  return core.cholesky(autocovariances(phi)[places(p, p, function(i, j) return math.abs(i - j) + 1 end)])
end

--- ar(n, phi, mu, sigma): the stationary autoregression x_t = mu + sum_k phi_k (x_(t-k) - mu) + sigma e_t, k = 1 .. p, for
-- t = 1 .. n > p. The first p values have their stationary law; phi of a process that has none has density 0.
law.define {
  name = "ar", params = { "n", { name = "phi", rank = 1 }, "mu", { name = "sigma", check = "positive" } },
  event = length, support = support.real,
  check = function(n, phi)
    local p = phi.shape[#phi.shape]
    known.whole("ar", "n", n, p + 1)
    if handler.checks() and #phi.shape == 1 and core.is_array(phi) and not support.covariance_cholesky.contains(stationary_factor(phi)) then
      core.error "ar: phi is not that of a stationary process"
    end
  end,
  logdensity = function(x, n, phi, mu, sigma)
    local p, away = #phi, x - mu
    local L = stationary_factor(phi)
    local start = core.solve_triangular(L, away:slice(1, p))
    local lags = away[places(n - p, p, function(t, k) return t + p - k end)]
    local rest = away:slice(p + 1, n) - core.matmul(lags, phi)
    return sum_normal(start, sigma, p) - core.sum(core.log(core.diagonal(L))) + sum_normal(rest, sigma, n - p)
  end,
  draw = function(choice, n, phi, mu, sigma)
    local p, z = #phi, {}
    for k = 1, p do z[k] = choice:normal() end
    local x = (core.matmul(stationary_factor(phi), core.array(z)) * sigma):totable()
    for t = p + 1, n do
      x[t] = sigma * choice:normal()
      for k = 1, p do x[t] = x[t] + phi[k] * x[t - k] end
    end
    return core.array(x) + mu
  end,
}
