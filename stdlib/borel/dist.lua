-- SPDX-License-Identifier: MIT
--- Distributions, written in the modelling language: a law is a log-density, a support, a sampler. Its
-- parameters may be numbers, arrays or symbolic values; shapes follow by broadcasting, `:iid(n)` adds axes
-- in front.
--   dist.normal(mu, sigma):iid(8)
-- A new law: dist.define{ name =, params = {...}, support =, logdensity = function(x, ...) end,
-- draw = function(choice, ...) end }.
local core = require "borel.core"
local handler = require "borel.handler"
local options = require "borel.options"
local shapes = require "borel.shape"
local support = require "borel.support"

local log, where = core.log, core.where
local LOG_SQRT_2PI, LOG_PI = 0.91893853320467274178, 1.1447298858494001741

local MOST_REPETITIONS = 1e7

local Dist = { is_distribution = true }
Dist.__index = Dist

-- ---- methods ------------------------------------------------------------------------------------------

--- The shape of a value: axes of iid, then the broadcast shape of the parameters.
function Dist:shape()
  local shape = {}
  for _, param in ipairs(self.args) do
    local wide = shapes.broadcast(shape, shapes.of(param))
    if not wide then
      core.error(("%s: parameters of shapes %s and %s do not fit together"):format(self.law.name, shapes.text(shape),
        shapes.text(shapes.of(param))))
    end
    shape = wide
  end
  local full = {}
  for i, n in ipairs(self.batch) do full[i] = n end
  for _, n in ipairs(shape) do full[#full + 1] = n end
  return full
end

--- A copy with independent repetitions: :iid(n) or :iid(n, m).
function Dist:iid(...)
  local batch = { ... }
  if #batch == 0 then core.error(self.law.name .. ":iid needs the number of repetitions") end
  for _, n in ipairs(batch) do
    if math.type(n) ~= "integer" and not (type(n) == "number" and n == math.floor(n)) or n < 1 then
      core.error(("%s:iid: the number of repetitions is %s, must be a whole number of at least 1"):format(self.law.name, tostring(n)))
    end
  end
  local total = 1.0
  for i, n in ipairs(batch) do
    batch[i] = math.tointeger(n)
    total = total * n
  end
  if total > MOST_REPETITIONS then
    core.error(("%s:iid: %.4g repetitions are more than %.4g"):format(self.law.name, total, MOST_REPETITIONS))
  end
  for _, n in ipairs(self.batch) do batch[#batch + 1] = n end
  return setmetatable({ law = self.law, args = self.args, batch = batch, modifier = self.modifier }, Dist)
end

--- The support of the values.
function Dist:support()
  if self.modifier then return self.modifier end
  local s = self.law.support
  if type(s) == "function" then return s(table.unpack(self.args)) end
  return s
end

--- Log-density of each element of x, which lies in the support.
function Dist:inside(x)
  local lp = self.law.logdensity(x, table.unpack(self.args))
  local shape = self:shape()
  if #shapes.of(lp) < #shape then lp = lp + core.zeros(shape) end -- the same for every element
  if self.log_orders then lp = core.sum(lp) + self.log_orders end
  return lp
end

--- Which elements of x lie in the support: a mask, or true when every number does.
function Dist:contains(x)
  local s = self:support()
  if s.discrete then
    local mask = core.logical_and(core.eq(x, core.floor(x)), core.ge(x, s.lowest))
    return s.count and core.logical_and(mask, core.le(x, s.lowest + s.count - 1)) or mask
  end
  return s.contains == nil or s.contains(x)
end

--- Log-density of each element of x: -inf outside the support.
function Dist:logdensity(x)
  if type(x) == "table" and getmetatable(x) == nil then x = core.array(x) end
  if type(x) ~= "number" and type(x) ~= "boolean" and not core.is_array(x) and not core.is_symbolic(x) then
    core.error(("%s:logdensity: needs a number, an array or a value of the model, got a %s"):format(self.law.name, type(x)))
  end
  local lp, mask = self:inside(x), self:contains(x)
  if shapes.all_true(mask) then return lp end
  return where(mask, lp, -math.huge)
end

--- A value drawn from `choice`: a number, or an array of shape().
function Dist:draw(choice)
  local law, shape = self.law, self:shape()
  if not law.draw then return nil end
  local args = self.args
  if #shape == 0 then
    return law.draw(choice, table.unpack(args))
  end
  local n, columns = shapes.size(shape), {}
  for i, arg in ipairs(args) do
    if type(arg) ~= "number" then columns[i] = (arg + core.zeros(shape)):reshape { n } end
  end
  local values, point = {}, { table.unpack(args) }
  for k = 1, n do
    for i, column in pairs(columns) do point[i] = column[k] end
    values[k] = law.draw(choice, table.unpack(point))
  end
  if self.modifier == support.ordered then table.sort(values) end
  return core.array(values):reshape(shape)
end

function Dist:__tostring()
  local parts = {}
  for i, arg in ipairs(self.args) do parts[i] = tostring(arg) end
  local text = self.law.name .. "(" .. table.concat(parts, ", ") .. ")"
  if #self.batch > 0 then text = text .. ":iid(" .. table.concat(self.batch, ", ") .. ")" end
  return text
end

-- ---- definitions -----------------------------------------------------------------------------------------

local dist = {}
local laws = {}

-- Checks of a parameter that is known now; symbolic ones show up as a term that is not finite.
local checks = {
  positive = { test = function(x) return core.gt(x, 0) end, text = "positive" },
  probability = { test = function(x) return core.logical_and(core.ge(x, 0), core.le(x, 1)) end, text = "between 0 and 1" },
}

local function check_param(law, param, value)
  local where_text = ("%s: %s"):format(law.name, param.name)
  if type(value) == "table" and getmetatable(value) == nil then value = core.array(value) end
  if value == nil then core.error(("%s is missing: %s"):format(where_text, law.usage)) end
  if type(value) ~= "number" and not core.is_array(value) and not core.is_symbolic(value) then
    core.error(("%s must be a number, an array or a value of the model, got a %s"):format(where_text, type(value)))
  end
  if not core.is_symbolic(value) then
    if handler.checks() and shapes.first_nan(value) then core.error(where_text .. " is NaN") end
    local rule = handler.checks() and checks[param.check]
    if rule and not shapes.all_true(rule.test(value)) then
      core.error(("%s is %s, must be %s"):format(where_text, tostring(value), rule.text))
    end
  end
  return value
end

--- Defines a law and returns its constructor. params: names, or {name =, check = "positive" | "probability"}.
function dist.define(law)
  if type(law) ~= "table" then core.error("dist.define: needs a table, got a " .. type(law)) end
  local kinds = { name = "string", params = "table", logdensity = "function" }
  for field, kind in pairs(kinds) do
    if type(law[field]) ~= kind then
      core.error(("dist.define: '%s' must be a %s, got a %s"):format(field, kind, type(law[field])))
    end
  end
  if type(law.support) ~= "table" and type(law.support) ~= "function" then
    core.error(("dist.define '%s': 'support' must be one of borel.support, or a function that returns one"):format(law.name))
  end
  if law.draw ~= nil and type(law.draw) ~= "function" then
    core.error(("dist.define '%s': 'draw' must be a function, got a %s"):format(law.name, type(law.draw)))
  end
  if laws[law.name] then core.error(("dist.define: there is a distribution '%s' already"):format(law.name)) end
  local names = {}
  for i, param in ipairs(law.params) do
    if type(param) == "string" then law.params[i] = { name = param } end
    names[i] = law.params[i].name
  end
  law.usage = law.name .. "(" .. table.concat(names, ", ") .. ")"
  laws[law.name] = law
  local function construct(...)
    local count, args = select("#", ...), { ... }
    if count > #law.params then core.error(("%s takes %d parameters, got %d: %s"):format(law.name, #law.params, count, law.usage)) end
    for i, param in ipairs(law.params) do args[i] = check_param(law, param, args[i]) end
    if law.check then law.check(table.unpack(args)) end
    return setmetatable({ law = law, args = args, batch = {} }, Dist)
  end
  dist[law.name] = construct
  return construct
end

local positive = { name = "sigma", check = "positive" }

--- normal(mu, sigma): sigma is the standard deviation.
dist.define {
  name = "normal", params = { "mu", positive }, support = support.real,
  logdensity = function(x, mu, sigma)
    local z = (x - mu) / sigma
    return -0.5 * (z * z) - log(sigma) - LOG_SQRT_2PI
  end,
  draw = function(choice, mu, sigma) return mu + sigma * choice:normal() end,
}

--- half_normal(sigma): |normal(0, sigma)|.
dist.define {
  name = "half_normal", params = { positive }, support = support.positive,
  logdensity = function(x, sigma)
    local z = x / sigma
    return -0.5 * (z * z) - log(sigma) + (math.log(2) - LOG_SQRT_2PI)
  end,
  draw = function(choice, sigma) return math.abs(sigma * choice:normal()) end,
}

local function cauchy_draw(choice) return math.tan(math.pi * (choice:uniform() - 0.5)) end

--- cauchy(mu, sigma): location and scale.
dist.define {
  name = "cauchy", params = { "mu", positive }, support = support.real,
  logdensity = function(x, mu, sigma)
    local z = (x - mu) / sigma
    return -core.log1p(z * z) - log(sigma) - LOG_PI
  end,
  draw = function(choice, mu, sigma) return mu + sigma * cauchy_draw(choice) end,
}

--- half_cauchy(sigma): |cauchy(0, sigma)|.
dist.define {
  name = "half_cauchy", params = { positive }, support = support.positive,
  logdensity = function(x, sigma)
    local z = x / sigma
    return -core.log1p(z * z) - log(sigma) + (math.log(2) - LOG_PI)
  end,
  draw = function(choice, sigma) return math.abs(sigma * cauchy_draw(choice)) end,
}

--- student_t(nu, mu, sigma): degrees of freedom, location, scale.
dist.define {
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

--- uniform(low, high): the bounds may be parameters.
dist.define {
  name = "uniform", params = { "low", "high" }, support = support.interval,
  check = function(low, high)
    if handler.checks() and not core.is_symbolic(low) and not core.is_symbolic(high) and not shapes.all_true(core.lt(low, high)) then
      core.error(("uniform: low is %s, must be less than high, which is %s"):format(tostring(low), tostring(high)))
    end
  end,
  logdensity = function(_, low, high) return -log(high - low) end,
  draw = function(choice, low, high) return low + (high - low) * choice:uniform() end,
}

--- beta(a, b) on (0, 1).
dist.define {
  name = "beta", params = { { name = "a", check = "positive" }, { name = "b", check = "positive" } }, support = support.interval(0, 1),
  logdensity = function(x, a, b)
    return core.xlogy(a - 1, x) + core.xlogy(b - 1, 1 - x) + core.lgamma(a + b) - core.lgamma(a) - core.lgamma(b)
  end,
  draw = function(choice, a, b) return choice:beta(a, b) end,
}

--- exponential(rate): mean 1 / rate.
dist.define {
  name = "exponential", params = { { name = "rate", check = "positive" } }, support = support.positive,
  logdensity = function(x, rate) return log(rate) - rate * x end,
  draw = function(choice, rate) return choice:exponential() / rate end,
}

--- flat(): no prior at all on the real line, an improper density of 1. Restrict it with :positive(),
-- :interval(low, high).
dist.define {
  name = "flat", params = {}, support = support.real,
  logdensity = function() return 0 end,
}

local two = support.integers(0, 2)

--- bernoulli(p): 1 with probability p, else 0.
dist.define {
  name = "bernoulli", params = { { name = "p", check = "probability" } }, support = two,
  logdensity = function(x, p) return where(core.eq(x, 1), log(p), core.log1p(-p)) end,
  draw = function(choice, p) return choice:bernoulli(p) end,
}

--- bernoulli_logit(eta): 1 with probability 1 / (1 + exp(-eta)).
dist.define {
  name = "bernoulli_logit", params = { "eta" }, support = two,
  logdensity = function(x, eta) return x * eta - core.log1p_exp(eta) end,
  draw = function(choice, eta) return choice:bernoulli(core.inv_logit(eta)) end,
}

--- discrete_uniform(low, high): whole numbers low .. high, which must be known numbers.
dist.define {
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

local Categorical = setmetatable({}, { __index = Dist })
Categorical.__index = Categorical
Categorical.__tostring = Dist.__tostring
function Categorical:shape() return { table.unpack(self.batch) } end
function Categorical:iid(...)
  return setmetatable(Dist.iid(self, ...), Categorical)
end
function Categorical:draw(choice)
  local p = self.args[1]:totable()
  if #self.batch == 0 then return choice:categorical(p) end
  local values = {}
  for i = 1, shapes.size(self.batch) do values[i] = choice:categorical(p) end
  return core.array(values):reshape(self.batch)
end

laws.categorical = {
  name = "categorical", params = { { name = "p" } },
  support = function(p) return support.integers(1, #p) end,
  logdensity = function(x, p)
    if type(x) == "number" then return log(p[x]) end
    return core.log(p)[x]
  end,
}

--- categorical(p): an outcome 1 .. n with the probabilities of the vector p.
function dist.categorical(p)
  if type(p) == "table" then p = core.array(p, "f64") end
  if type(p) == "number" or p == nil or #p.shape ~= 1 then core.error("categorical: p must be a vector of probabilities") end
  if core.is_array(p) and handler.checks() then
    local sum = core.sum(p)
    if math.abs(sum - 1) > 1e-9 or not shapes.all_true(core.ge(p, 0)) then
      core.error(("categorical: p must be probabilities that sum to 1, the sum is %g"):format(sum))
    end
  end
  return setmetatable({ law = laws.categorical, args = { p }, batch = {} }, Categorical)
end

-- ---- modifiers ------------------------------------------------------------------------------------------------

local function modified(self, modifier)
  return setmetatable({ law = self.law, args = self.args, batch = self.batch, modifier = modifier }, Dist)
end

--- An increasing vector: the law of the sorted values when the elements are alike (iid), whose density is
-- n! times the product; for elements with parameters of their own the density is not normalised.
function Dist:ordered()
  local shape = self:shape()
  if #shape ~= 1 then core.error(("%s:ordered needs a vector, the shape is %s"):format(self.law.name, shapes.text(shape))) end
  if self:support() ~= support.real then
    core.error(("%s:ordered: only distributions over the whole real line can be ordered"):format(self.law.name))
  end
  local result = modified(self, support.ordered)
  local log_orders = 0
  for k = 2, shape[1] do log_orders = log_orders + math.log(k) end
  for _, arg in ipairs(self.args) do
    if #shapes.of(arg) > 0 then log_orders = 0 end
  end
  if self.law.name ~= "flat" then result.log_orders = log_orders end
  return result
end

--- flat():positive() and flat():interval(low, high): improper densities of 1 there.
local function need_flat(self, what)
  if self.law.name ~= "flat" then core.error(("%s:%s: only flat() takes a support"):format(self.law.name, what)) end
end
function Dist:positive()
  need_flat(self, "positive")
  return modified(self, support.positive)
end
function Dist:interval(low, high)
  need_flat(self, "interval")
  if type(low) == "number" and type(high) == "number" and low >= high then
    core.error(("flat:interval: low is %g, must be less than high, which is %g"):format(low, high))
  end
  return modified(self, support.interval(low, high))
end

return setmetatable(dist, {
  __index = function(_, name)
    local known = { categorical = true }
    for law in pairs(laws) do known[law] = true end
    options.unknown("unknown distribution", name, known)
  end,
})
