-- SPDX-License-Identifier: MIT
-- Models whose sums of squares or hidden states are rewritten have the density and the derivatives of the same models
-- left as they are, under both engines. The rewrites themselves are tested in tests/c/graph_sufficient_test.c and
-- graph_hmm_test.c; here it is that models reach them, and that what only looks like them does not.
local borel = require "borel"
local dist = borel.dist
local sample, observe, factor = borel.sample, borel.observe, borel.factor

local N, G = 60, 5
local x, w, y, group = {}, {}, {}, {}
for i = 1, N do
  x[i], w[i] = math.sin(1.3 * i), 10 + math.cos(0.7 * i)
  y[i], group[i] = 2 + x[i] - 0.3 * w[i] + 0.5 * math.sin(17.7 * i), i * i % G + 1
end
x, w, y, group = borel.array(x), borel.array(w), borel.array(y), borel.array(group, "i64")
local X = borel.stack({ x, w, x * w }, { axis = 1 }):transpose()

-- name, rows of squares that are rewritten, model
local cases = {
  { "scalars", N, function()
    local a, b, s = sample("a", dist.normal(0, 5)), sample("b", dist.normal(0, 5)), sample("s", dist.half_normal(2))
    observe(dist.normal(a + b * x, s), y)
  end },
  { "a loop", N, function()
    local a, b, s = sample("a", dist.normal(0, 5)), sample("b", dist.normal(0, 5)), sample("s", dist.half_normal(2))
    for i = 1, N do observe(dist.normal(a + b * x[i], s), y[i]) end
  end },
  { "a matrix and known errors", N, function()
    local b = sample("b", dist.normal(0, 5):iid(3))
    observe(dist.normal(borel.matmul(X, b), 0.5 + x ^ 2), y)
  end },
  { "levels", N, function()
    local mu, t, s = sample("mu", dist.normal(0, 5)), sample("t", dist.half_normal(1)), sample("s", dist.half_normal(1))
    local z, b = sample("z", dist.normal(0, 1):iid(G)), sample("b", dist.normal(0, 1))
    observe(dist.normal((mu + t * z)[group] + b * w, s), y)
  end },
  { "an unknown power", 0, function()
    local a, s = sample("a", dist.normal(0, 1)), sample("s", dist.half_normal(1))
    observe(dist.normal(borel.exp(a * x), s), y)
  end },
  { "errors that follow from a covariate", 0, function()
    local a, s = sample("a", dist.normal(0, 1)), sample("s", dist.normal(0, 0.1))
    observe(dist.normal(a * x, borel.exp(s * w)), y)
  end },
  { "one squared term of two", N, function()
    local a, s = sample("a", dist.normal(0, 1)), sample("s", dist.half_normal(1))
    observe(dist.normal(a * x, s), y)
    observe(dist.student_t(4, a * x, s), y)
  end },
  { "hidden states", 0, function()
    local rows = { sample("r1", dist.dirichlet { 1, 2 }), sample("r2", dist.dirichlet { 2, 1 }) }
    local mu = sample("mu", dist.normal(0, 1):iid(2):ordered())
    local emission = dist.normal(mu, 1):logdensity(y:reshape { N, 1 })
    local step = borel.log(borel.stack(rows):reshape { 2, 2 })
    local last = borel.scan(function(forward, seen)
      return borel.log_sum_exp(forward[1] + step[1], forward[2] + step[2]) + seen
    end, emission[1], emission:slice(2, N))
    factor("y", borel.log_sum_exp(last))
  end },
}

for _, case in ipairs(cases) do
  local name, rows, fn = table.unpack(case)
  local targets = {}
  for k, form in ipairs { { "native", true }, { "interpreter", true }, { "native", false } } do
    targets[k] = borel.model(fn):trace({}, form[1], form[2]).target
  end
  local about = targets[1]:describe()
  assert(about.squares == rows, ("%s: %d rows of squares are rewritten, not %d"):format(name, about.squares, rows))
  assert((about.hmms == 1) == (name == "hidden states"), name .. ": hidden states")
  local written = targets[3]:describe()
  assert(written.squares + written.hmms + written.log_products == 0, name .. ": sufficient = false does not switch it off")
  for point = 1, 4 do
    local u = {}
    for i = 1, about.D do u[i] = 0.8 * math.sin(2.1 * i + point) end
    local value, gradient = targets[1]:evaluate(u, {})
    local same, same_gradient = targets[2]:evaluate(u, {})
    local plain, plain_gradient = targets[3]:evaluate(u, {})
    assert(value == same, name .. ": native code and interpreter differ")
    -- the terms are a few thousand at most here, and some hundred are added
    assert(math.abs(value - plain) <= 1e-12 * (1e3 + math.abs(plain)), ("%s: %.17g, plain %.17g"):format(name, value, plain))
    for i = 1, about.D do
      assert(gradient[i] == same_gradient[i], name .. ": derivatives of native code and interpreter differ")
      assert(math.abs(gradient[i] - plain_gradient[i]) <= 1e-11 * (1e4 + math.abs(plain_gradient[i])),
        ("%s, derivative %d: %.17g, plain %.17g"):format(name, i, gradient[i], plain_gradient[i]))
    end
  end
end
