-- SPDX-License-Identifier: MIT
-- borel.ode: on numbers, in models (the trace check compares both), and what it refuses.
local function close(a, b, tolerance, what)
  assert(math.abs(a - b) <= tolerance * (1 + math.abs(b)), ("%s: %.15g, not %.15g"):format(what, a, b))
end

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(pattern), ("expected '%s', got: %s"):format(pattern, tostring(message)))
end

local has_bdf = pcall(borel.ode, function(_, y) return y end, { 1 }, 0, { 1 }, {}, { method = "bdf" })

-- ---- on numbers -------------------------------------------------------------------------------------------

-- y' = -k y and z' = k y, with a parameter as number, array, and captured.
local rate = 0.5
for i, rhs in ipairs {
  function(_, y, k) return { -k * y[1], k * y[1] } end,
  function(_, y, k) return borel.stack { -k * y[1], k * y[1] } end,
  function(_, y) return { -rate * y[1], rate * y[1] } end,
} do
  local y = borel.ode(rhs, { 1, 0 }, 0, { 1, 2 }, { rate }, { rel_tol = 1e-10, abs_tol = 1e-10 })
  assert(y.shape[1] == 2 and y.shape[2] == 2)
  for t = 1, 2 do
    close(y[{ t, 1 }], math.exp(-rate * t), 1e-9, "y of form " .. i)
    close(y[{ t, 2 }], 1 - math.exp(-rate * t), 1e-9, "z of form " .. i)
  end
end

-- Plain control flow in t is possible on numbers; y0 is the solution at t0.
local y = borel.ode(function(t, s) return { t < 1 and s[1] or 0 * s[1] } end, borel.array { 2 }, 0, { 0, 0.5 })
assert(y[{ 1, 1 }] == 2)
close(y[{ 2, 1 }], 2 * math.exp(0.5), 1e-5, "grows")

-- Where there is no solution: NaN, no error.
for what, case in pairs {
  ["max_steps"] = { function(t) return { borel.cos(100 * t) } end, 100, { max_steps = 3 } },
  ["blow-up"] = { function(_, s) return { s[1] * s[1] } end, 2 },
  ["leaves its domain"] = { function(_, s) return { -borel.sqrt(s[1] - 0.5) - 1 } end, 2 },
} do
  local gone = borel.ode(case[1], { 1 }, 0, { case[2] }, {}, case[3])[{ 1, 1 }]
  assert(gone ~= gone, what)
end

-- Derivatives of a solution: d/dk exp(-k t) = -t exp(-k t).
local at_two = function(k)
  return borel.ode(function(_, s, r) return { -r * s[1] } end, { 1 }, 0, { 2 }, { k }, { rel_tol = 1e-10, abs_tol = 1e-10 })[{ 1, 1 }]
end
close(borel.grad(at_two, 0.7), -2 * math.exp(-1.4), 1e-9, "gradient")
close(select(2, borel.jvp(at_two, { 0.7 }, { 3 })), -6 * math.exp(-1.4), 1e-9, "tangent")
fails("second derivatives of a solution are not offered", borel.grad, function(k) return borel.grad(at_two, k) end, 0.7)

-- ---- in models ----------------------------------------------------------------------------------------------

local methods = has_bdf and { "rk45", "bdf" } or { "rk45" }
for _, method in ipairs(methods) do
  local model = borel.model(function(data)
    local k = sample("k", dist.half_normal(1))
    local start = sample("start", dist.half_normal(1):iid(2))
    local last = sample("last", dist.uniform(3, 4)) -- a time that is an unknown
    local scale = deterministic("scale", k * 0.5)
    local times = borel.stack { 1, 2, last }
    local s = borel.ode(function(t, z, r, table_of_rates)
      return { -r * z[1] + scale * borel.sin(t), r * z[1] - table_of_rates[2] * z[2] }
    end, start, 0, times, { k, data.rates }, { method = method })
    observe("y", dist.normal(s, 0.1), data.y)
  end)
  borel.check(model, { rates = borel.array { 0.1, 0.3 }, y = borel.ones { 3, 2 } })
end

-- A solution inside the step of a scan: doses at 1, 2, 3.
local doses = borel.model(function()
  local k = sample("k", dist.half_normal(1))
  local left = borel.scan(function(amount, dose)
    return borel.ode(function(_, z, r) return { -r * z[1] } end, { amount + dose }, 0, { 1 }, { k })[{ 1, 1 }]
  end, 0, borel.array { 1, 2, 3 })
  observe("left", dist.normal(left, 0.1), 1.5)
end)
borel.check(doses)

-- ---- refusals -----------------------------------------------------------------------------------------------

local function decay(_, s) return -s end
fails("the state has shape %[2%] but the right%-hand side returns shape %[%]", borel.ode,
  function(_, s) return s[1] end, { 1, 2 }, 0, { 1 })
fails("the times must increase, but ts%[1%] = 2 is followed by ts%[2%] = 1", borel.ode, decay, { 1 }, 0, { 2, 1 })
fails("ts%[1%] = 1 lies before t0 = 2", borel.ode, decay, { 1 }, 2, { 1 })
fails("the initial state must be a vector of numbers", borel.ode, decay, borel.ones { 2, 2 }, 0, { 1 })
fails("the initial state is a string", borel.ode, decay, "x", 0, { 1 })
fails("what the right%-hand side returns is a string", borel.ode, function() return "x" end, { 1 }, 0, { 1 })
fails("what the right%-hand side returns is a nil", borel.ode, function() end, { 1 }, 0, { 1 })
fails("ode_test.lua:%d+: oh", borel.ode, function() error "oh" end, { 1 }, 0, { 1 })
fails("right%-hand side must be a function", borel.ode, 1, { 1 }, 0, { 1 })
fails("parameters must be a list", borel.ode, decay, { 1 }, 0, { 1 }, 3)
fails("rel_tol is %-1, must be at least", borel.ode, decay, { 1 }, 0, { 1 }, {}, { rel_tol = -1 })
fails("max_steps is 2.5, must be a whole number", borel.ode, decay, { 1 }, 0, { 1 }, {}, { max_steps = 2.5 })
fails("method is \"rk45\" or \"bdf\", got euler", borel.ode, decay, { 1 }, 0, { 1 }, {}, { method = "euler" })
fails("rel_tol", borel.ode, decay, { 1 }, 0, { 1 }, {}, { rtol = 1e-3 })
if not has_bdf then fails("libsundials%-dev", borel.ode, decay, { 1 }, 0, { 1 }, {}, { method = "bdf" }) end
