-- SPDX-License-Identifier: MIT
--- Laws of whole numbers.
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"
local support = require "borel.support"
local define = require "borel.law".define

local log, where = core.log, core.where
local two = support.integers(0, 2)

--- bernoulli(p): 1 with probability p, else 0.
define {
  name = "bernoulli", params = { { name = "p", check = "probability" } }, support = two,
  logdensity = function(x, p) return where(core.eq(x, 1), log(p), core.log1p(-p)) end,
  draw = function(choice, p) return choice:bernoulli(p) end,
}

--- bernoulli_logit(eta): 1 with probability 1 / (1 + exp(-eta)).
define {
  name = "bernoulli_logit", params = { "eta" }, support = two,
  logdensity = function(x, eta) return x * eta - core.log1p_exp(eta) end,
  draw = function(choice, eta) return choice:bernoulli(core.inv_logit(eta)) end,
}

--- discrete_uniform(low, high): whole numbers low .. high, which must be known numbers.
define {
  name = "discrete_uniform", params = { "low", "high" },
  support = function(low, high) return support.integers(math.tointeger(low), math.tointeger(high) - math.tointeger(low) + 1) end,
  check = function(low, high)
    if type(low) ~= "number" or type(high) ~= "number" or not math.tointeger(low) or not math.tointeger(high) or high < low then
      core.error("discrete_uniform: low and high must be whole numbers, low <= high")
    end
  end,
  logdensity = function(_, low, high) return -math.log(high - low + 1) end,
  draw = function(choice, low, high) return math.tointeger(low) + choice:uniform_int(math.tointeger(high - low + 1)) end,
}

-- log p[x] for outcomes x and probabilities p [batch, n].
local function log_probability(x, p)
  local shape = p.shape
  if #shape == 1 then return type(x) == "number" and core.log(p[x]) or core.log(p)[x] end
  local outcomes, rows = shape[#shape], shapes.size(shape) // shape[#shape]
  local lead = { table.unpack(shape, 1, #shape - 1) }
  local first = ((core.range(1, rows) - 1) * outcomes):reshape(lead) -- before the first outcome of each row
  return core.log(p):reshape { rows * outcomes }[first + x]
end

--- categorical(p): an outcome 1 .. n with the probabilities of the vector p, or of each row of a matrix.
define {
  name = "categorical", params = { { name = "p", rank = 1 } }, batched = true,
  support = function(p) return support.integers(1, p.shape[#p.shape]) end,
  check = function(p)
    if not core.is_array(p) or not handler.checks() then return end
    local away = core.abs(core.sum(p, #p.shape) - 1)
    if not shapes.all_true(core.le(away, 1e-9)) or not shapes.all_true(core.ge(p, 0)) then
      core.error(("categorical: p must be probabilities that sum to 1, the sum is off by %g"):format(core.maximum(away)))
    end
  end,
  logdensity = log_probability,
  draw = function(choice, p) return choice:categorical(p:totable()) end,
}
