-- SPDX-License-Identifier: MIT
-- Random recursions - several forms in turn, several steps back, a break in some, ties and zeros in the data: the
-- density is that of the terms as they were written, the gradient that of differences.
local borel = require "borel"
local dist = borel.dist
local sample = borel.sample

local MODELS = 60
local state = 1
local function random(n) -- 1 .. n, the same on every machine
  state = (6364136223846793005 * state + 1442695040888963407)
  return (state >> 33) % n + 1
end
local function uniform() return random(1 << 20) / (1 << 20) end

local kinds = {
  function(h, c) return borel.tanh(h + c.y[c.t]) end,
  function(h, c) return c.a * h end,
  function(h, c) return h + c.b * c.x[c.t - 1 - c.lag] end,
  function(h, c) return borel.where(h:gt(c.y[c.t]), h, c.y[c.t] * c.s) end,
  function(h, c) return borel.sin(h) + c.z[c.t] end,
  function(h, c) return h - (c.y[c.t - 1] - c.a) * 0.3 end,
  function(h, c) return 0.5 * h + 0.1 * c.v end,
  function(h) return borel.log1p_exp(h) - 0.7 end,
}

-- What a model is made of, drawn once: its function runs several times.
local function draw_plan()
  local plan = { T = 30 + random(50), period = random(3), lag = random(3) - 1, seen = {}, forms = {}, y = {} }
  for t = 4, plan.T, random(4) do plan.seen[t] = true end
  for i = 1, plan.period do
    plan.forms[i] = { accumulates = random(2) == 1 }
    for k = 1, 1 + random(3) do plan.forms[i][k] = random(#kinds) end
  end
  plan.breaks = {}
  if random(3) == 1 then plan.breaks[20 + random(plan.T - 20)] = true end
  for t = 1, plan.T do plan.y[t] = random(3) == 1 and random(3) - 2.0 or 2 * uniform() - 1 end
  return plan
end

local function model_of(plan)
  return function()
    local a, b, s = sample("a", dist.normal(0, 0.5)), sample("b", dist.normal(0, 0.5)), sample("s", dist.half_normal(1))
    local z = sample("z", dist.normal(0, 1):iid(plan.T))
    local c = { a = a, b = b, s = s, z = z, y = plan.y, lag = plan.lag, x = { a, b, s }, v = b }
    for t = 4, plan.T do
      c.t = t
      local form, h = plan.forms[t % plan.period + 1], c.x[t - 1]
      for _, kind in ipairs(form) do h = kinds[kind](h, c) end
      if plan.breaks[t] then h = borel.cos(h) end
      c.x[t] = borel.tanh(h) + 0.01 * c.x[t - 1]
      if form.accumulates then c.v = c.v * 0.9 + c.x[t] end
      if plan.seen[t] then borel.observe(dist.normal(c.x[t], s), plan.y[t]) end
    end
    borel.factor(c.x[plan.T] * 0.1 - c.v * c.v)
  end
end

local scans = 0
for i = 1, MODELS do
  local plan = draw_plan()
  local target = borel.model(model_of(plan)):trace({}, "interpreter").target
  local u = {}
  for k = 1, target:describe().D do u[k] = 0.3 * math.sin(k) end
  local value, gradient = target:evaluate(u, {})
  local sum, scale = 0, 1
  for _, term in ipairs(target:terms(u, {})) do sum, scale = sum + term, scale + math.abs(term) end
  assert(math.abs(value - sum) <= 1e-12 * scale, ("model %d: %.17g, the terms sum to %.17g"):format(i, value, sum))
  for k = 1, 3 do
    local h, at = 1e-6, u[k]
    u[k] = at + h
    local high = target:evaluate(u, {})
    u[k] = at - h
    local difference = (high - target:evaluate(u, {})) / (2 * h) -- rounding / h is 1e-10 of the scale
    u[k] = at
    assert(math.abs(difference - gradient[k]) <= 1e-5 * (scale + math.abs(difference)),
      ("model %d: gradient %d is %.9g, by differences %.9g"):format(i, k, gradient[k], difference))
  end
  if target:describe().text:find "steps" then scans = scans + 1 end
end
assert(scans > MODELS / 2, "only " .. scans .. " of the models became scans")
