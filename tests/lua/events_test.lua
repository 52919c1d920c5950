-- SPDX-License-Identifier: MIT
-- Laws whose values are vectors: shapes, batches, supports with fewer coordinates than elements.
local borel = require "borel"
local dist, sample, observe = borel.dist, borel.sample, borel.observe
local folder = os.tmpname()
os.remove(folder)

local function shape(x) return table.concat(x, " ") end

-- (x, 1 - x) with x ~ Beta(a, b): one coordinate, two elements.
local segment = {
  name = "segment", rank = 1, free = function() return { 1 } end,
  constrain = function(u)
    local x = borel.inv_logit(u[1])
    return borel.stack { x, 1 - x }, -borel.log1p_exp(u[1]) - borel.log1p_exp(-u[1])
  end,
  unconstrain = function(x) return borel.stack { borel.log(x[1]) - borel.log(x[2]) } end,
  contains = function(x) return borel.ge(x[1], 0) & borel.le(borel.abs(x[1] + x[2] - 1), 1e-12) end,
}
dist.define {
  name = "shares", params = { { name = "a", rank = 1 } }, support = segment, event = function() return { 2 } end,
  logdensity = function(x, a)
    return (a[1] - 1) * borel.log(x[1]) + (a[2] - 1) * borel.log(x[2])
      + borel.lgamma(a[1] + a[2]) - borel.lgamma(a[1]) - borel.lgamma(a[2])
  end,
  draw = function(choice, a)
    local x = choice:beta(a[1], a[2])
    return { x, 1 - x }
  end,
}

local one = dist.shares { 2, 3 }
assert(shape(one:shape()) == "2" and shape(one:batch_shape()) == "" and shape(one:event_shape()) == "2")
assert(shape(one:free_shape()) == "1")
local five = one:iid(5)
assert(shape(five:shape()) == "5 2" and shape(five:free_shape()) == "5 1")
local rows = dist.shares { { 2, 3 }, { 1, 1 }, { 4, 1 } }
assert(shape(rows:shape()) == "3 2" and shape(rows:iid(4):shape()) == "4 3 2")

-- Beta(2, 3) at 0.25: 12 x (1 - x)^2; Beta(1, 1): 1; Beta(4, 1): 4 x^3.
local want = { math.log(12 * 0.25 * 0.75 ^ 2), 0, math.log(4 * 0.25 ^ 3) }
assert(math.abs(one:logdensity { 0.25, 0.75 } - want[1]) < 1e-13)
local x = borel.array { { 0.25, 0.75 }, { 0.25, 0.75 }, { 0.25, 0.75 } }
local lp = rows:logdensity(x)
assert(shape(lp.shape) == "3")
for i = 1, 3 do assert(math.abs(lp[i] - want[i]) < 1e-13) end
lp = rows:iid(2):logdensity(borel.stack { x, x }:reshape { 2, 3, 2 })
assert(shape(lp.shape) == "2 3" and math.abs(lp[{ 2, 3 }] - want[3]) < 1e-13)

-- Outside: the row alone is impossible.
lp = rows:logdensity { { 0.25, 0.75 }, { 0.25, 0.5 }, { 0.25, 0.75 } }
assert(lp[2] == -math.huge and lp[1] > -1e3 and lp[3] > -1e3)
local ok, message = pcall(one.logdensity, one, { 0.5, 0.25, 0.25 })
assert(not ok and message:find "value has shape %[3%], one value of the distribution has shape %[2%]", message)
ok, message = pcall(dist.shares, 1)
assert(not ok and message:find "shares: a must be a vector, its shape is %[%]", message)

-- Maps: round trips, batches.
local u = borel.array { { 0.3 }, { -1 }, { 2 } }
local value, log_jacobian = rows:constrain(u)
assert(shape(value.shape) == "3 2" and math.abs(value[{ 2, 1 }] - 1 / (1 + math.exp(1))) < 1e-15)
local jacobian = 0
for i = 1, 3 do
  local p = value[{ i, 1 }]
  jacobian = jacobian + math.log(p * (1 - p))
end
assert(math.abs(log_jacobian - jacobian) < 1e-13)
for i = 1, 3 do assert(math.abs(rows:unconstrain(value)[{ i, 1 }] - u[{ i, 1 }]) < 1e-14) end

-- Inference: independent Betas with data, whose posterior means are known.
local fit = borel.infer(borel.model(function(data)
  local p = sample("p", dist.shares { { 2, 3 }, { 1, 1 }, { 4, 1 } })
  for i = 1, 3 do observe({ "y", i }, dist.categorical(p[i]):iid(data.n), data.y) end
end), { data = { n = 4, y = borel.array { 1, 1, 2, 1 } }, draws = 2000, out = folder })
for _, row in ipairs(fit:rows()) do
  local i, k = row.name:match "p%[(%d),(%d)%]"
  local a = ({ { 2, 3 }, { 1, 1 }, { 4, 1 } })[tonumber(i)]
  local posterior = { a[1] + 3, a[2] + 1 }
  local mean = posterior[tonumber(k)] / (posterior[1] + posterior[2])
  assert(math.abs(row.mean - mean) < 5 * row.mcse_mean, row.name)
end

-- Rows of probabilities, each with its own outcome.
local table_of = borel.array { { 0.2, 0.8 }, { 0.5, 0.5 }, { 0.9, 0.1 } }
lp = dist.categorical(table_of):logdensity { 1, 2, 1 }
assert(math.abs(lp[1] - math.log(0.2)) < 1e-15 and math.abs(lp[3] - math.log(0.9)) < 1e-15)
assert(shape(dist.categorical(table_of):iid(7):shape()) == "7 3")

-- A batch of ordered vectors: the density of sorted values.
local pairs_of = dist.normal(0, 1):iid(2):ordered():iid(3)
assert(shape(pairs_of:shape()) == "3 2" and shape(pairs_of:batch_shape()) == "3")
lp = pairs_of:logdensity { { -1, 1 }, { 0, 2 }, { 1, 0 } }
local function normal(z) return -0.5 * z * z - 0.5 * math.log(2 * math.pi) end
assert(math.abs(lp[2] - (math.log(2) + normal(0) + normal(2))) < 1e-14 and lp[3] == -math.huge)

os.execute("rm -rf '" .. folder .. "'")

-- One number for each value, also where the density is the same everywhere and where x has more axes than the parameters.
assert(shape(dist.uniform(-1, 2):logdensity({ 0, 1, 5 }).shape) == "3")
assert(shape(dist.flat():logdensity({ 1, 2 }).shape) == "2")
lp = dist.multi_normal({ 0, 0 }, { { 1, 0 }, { 0, 1 } }):logdensity { { 0, 0 }, { 1, 1 }, { 2, 2 } }
assert(shape(lp.shape) == "3" and math.abs(lp[1] - lp[3] - 4) < 1e-14)
ok, message = pcall(function() return dist.normal({ 0, 1 }, 1):logdensity { 1, 2, 3 } end)
assert(not ok and message:find "a value of shape %[3%] and a distribution of shape %[2%] do not fit together", message)
