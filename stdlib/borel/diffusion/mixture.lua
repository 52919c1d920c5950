-- SPDX-License-Identifier: MIT
--- A mixture of normal laws under a process, in operations of arrays alone, so that it can be traced and differentiated; the
-- score gaussian-mixture is the same in C, and faster. Component k of x = alpha x0 + sigma eps is N(alpha m_k, alpha^2 S_k +
-- sigma^2 I); S_k = Q_k diag(l_k) Q_k' once.
--
--   local law = borel.diffusion.mixture { dimension = 2, weights = { .3, .7 }, means = { 1, .5, -.8, .3 }, sd = { .25, .35 } }
--   local score = borel.grad(function(x) return law:logdensity(x, alpha, sigma):sum() end, x)
local core = require "borel.core"
local options = require "borel.options"

local Mixture = {}
Mixture.__index = Mixture

-- The parameters of gaussian-mixture as weights [K], means [K, D] and covariances [K, D, D], arrays.
local function parts_of(what, given)
  given = options.check(what, given, { dimension = { type = "number", integer = true, min = 1 }, weights = {}, means = {}, sd = {},
    covariances = {} })
  local D = given.dimension
  if not D or not given.means then core.error(what .. ": dimension and means are needed") end
  local means = core.array(given.means)
  local K = means.size // D
  if K < 1 or means.size ~= K * D then core.error(("%s: %d means, must be %d for each component"):format(what, means.size, D)) end
  if (given.sd == nil) == (given.covariances == nil) then core.error(what .. ": give sd, one for each component, or covariances") end
  local weights = given.weights and core.array(given.weights) or core.ones(K)
  local covariances
  if given.covariances then
    covariances = core.array(given.covariances)
  else
    local list = {}
    for k = 1, K do list[k] = core.diag(core.ones(D)) * core.array(given.sd)[k] ^ 2 end
    covariances = core.stack(list)
  end
  if weights.size ~= K or covariances.size ~= K * D * D then
    core.error(("%s: %d weights and %d numbers in covariances for %d components of %d dimensions"):format(what, weights.size,
      covariances.size, K, D))
  end
  return { D = D, K = K, weights = weights / weights:sum(), means = means:reshape { K, D }, covariances = covariances:reshape { K, D, D } }
end

local mixture = { parts = parts_of }

--- A law with the parameters of the score gaussian-mixture.
function mixture.new(given)
  local self = parts_of("diffusion.mixture", given)
  self.spread, self.rotation = {}, {}
  for k = 1, self.K do self.spread[k], self.rotation[k] = core.eigh(self.covariances[k]) end
  return setmetatable(self, Mixture)
end

-- Coordinates w of x - alpha m_k along the axes of S_k, their variances, and log(weight_k N(x; ...)), [n].
local function component(self, k, x, alpha, sigma)
  local w = core.matmul(x - alpha * self.means[k], self.rotation[k])
  local variance = alpha * alpha * self.spread[k] + sigma * sigma
  local log = core.log(self.weights[k]) - (w * w / variance + core.log(variance)):sum(2) / 2 - self.D * math.log(2 * math.pi) / 2
  return w, variance, log
end

-- A row as a matrix of one, and whether it was one.
local function rows(self, x)
  if #x.shape == 1 then return x:reshape { 1, self.D }, true end
  return x, false
end

--- The log-density of x [n, D] at a level: [n], or a number for x [D]. All may be symbolic.
function Mixture:logdensity(x, alpha, sigma)
  local single, total
  x, single = rows(self, x)
  for k = 1, self.K do
    local _, _, log = component(self, k, x, alpha, sigma)
    total = total and core.log_sum_exp(total, log) or log
  end
  return single and total[1] or total
end

--- E[x0 | x] at a level, [n, D], or [D] for x [D].
function Mixture:x0(x, alpha, sigma)
  local logs, parts, single, total = {}, {}
  x, single = rows(self, x)
  for k = 1, self.K do
    local w, variance, log = component(self, k, x, alpha, sigma)
    logs[k], total = log, total and core.log_sum_exp(total, log) or log
    parts[k] = self.means[k] + core.matmul(w * (alpha * self.spread[k] / variance), core.transpose(self.rotation[k]))
  end
  local n, out = x.shape[1], nil
  for k = 1, self.K do
    local one = core.exp(logs[k] - total):reshape { n, 1 } * parts[k]
    out = out and out + one or one
  end
  return single and out[1] or out
end

--- The law given y = H x0 + noise, as parameters of gaussian-mixture: mixture.posterior{ prior = parameters, matrix = H [M, D], y = [M],
-- noise = its standard deviation, or covariance [M, M] }.
function mixture.posterior(given)
  given = options.check("score.posterior", given, { prior = { type = "table" }, matrix = {}, y = {}, noise = {} })
  for _, name in ipairs { "prior", "matrix", "y", "noise" } do
    if given[name] == nil then core.error(("score.posterior: needs %s"):format(name)) end
  end
  local prior = parts_of("score.posterior: prior", given.prior)
  local H, y = core.array(given.matrix), core.array(given.y)
  local M, D = y.size, prior.D
  if H.size ~= M * D then core.error(("score.posterior: matrix must be [%d, %d]"):format(M, D)) end
  H = H:reshape { M, D }
  local R = type(given.noise) == "number" and core.diag(core.ones(M)) * given.noise ^ 2 or core.array(given.noise):reshape { M, M }
  local logs, means, covariances = {}, {}, {}
  for k = 1, prior.K do
    local m, S = prior.means[k], prior.covariances[k]
    local V = core.matmul(core.matmul(H, S), H:t()) + R
    local gain = core.solve(V, core.matmul(H, S)):t() -- S H' V^-1
    local off = y - core.matmul(H, m)
    logs[k] = math.log(prior.weights[k]) - (core.mahalanobis(V, off) + core.logdet(V)) / 2
    means[k] = m + core.matmul(gain, off)
    local rest = core.diag(core.ones(D)) - core.matmul(gain, H) -- Joseph's form stays symmetric and positive
    covariances[k] = core.matmul(core.matmul(rest, S), rest:t()) + core.matmul(core.matmul(gain, R), gain:t())
    if logs[k] ~= logs[k] then core.error("score.posterior: the covariance of y is not positive definite") end
  end
  logs = core.array(logs)
  return { dimension = D, weights = core.exp(logs - logs:maximum()), means = core.stack(means), covariances = core.stack(covariances) }
end

return mixture
