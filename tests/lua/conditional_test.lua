-- SPDX-License-Identifier: MIT
-- Full conditionals of discrete unknowns: of each coordinate the log-densities of its values differ as those of the whole
-- model do, by native code and by the interpreter alike; and coordinates that are independent given the rest are found.
local core = require "borel.core"

local function numbers(n, fn)
  local list = {}
  for i = 1, n do list[i] = fn(i) end
  return list
end

-- A point of the prior's support, the same for every model.
local function point_of(sites)
  local choice, u, z = core.philox(core.stream_key(7, "conditional"), 0), {}, {}
  for _, site in ipairs(sites) do
    for _ = 1, site.size do
      if site.block == "u" then u[#u + 1] = 2 * choice:uniform() - 1
      else z[#z + 1] = site.lowest + math.floor(choice:uniform() * site.count) end
    end
  end
  return u, z
end

-- Returns how many coordinates are drawn together with each, { 200 } or { 1, 1, 3 }, and all log-densities.
local function examine(name, model, data, engine)
  local traced = model:trace(data, engine, true)
  local target, sites = traced.target, traced.target:sites()
  local u, z = point_of(sites)
  local runs, all, k = {}, {}, 1
  local site_at = {}
  for _, site in ipairs(sites) do
    if site.block == "z" then for _ = 1, site.size do site_at[#site_at + 1] = site end end
  end
  while k <= #z do
    local rows = target:conditional(u, z, k)
    runs[#runs + 1] = #rows
    for i, row in ipairs(rows) do
      local site, kept, base = site_at[k + i - 1], z[k + i - 1], nil
      table.move(row, 1, #row, #all + 1, all)
      assert(#row == site.count, name)
      for v = 1, site.count do
        z[k + i - 1] = site.lowest + v - 1
        local whole = target:evaluate(u, z)
        assert((whole > -math.huge) == (row[v] > -math.huge), name)
        if whole > -math.huge then
          base = base or whole - row[v]
          -- Both are sums of the same terms in another order: rounding of the whole sum.
          assert(math.abs(whole - row[v] - base) <= 1e-12 * (1 + math.abs(whole)) * (1 + #z),
            ("%s: coordinate %d, value %d: %.17g, not %.17g"):format(name, k + i - 1, v, row[v] + base, whole))
        end
      end
      z[k + i - 1] = kept
    end
    k = k + #rows
  end
  return runs, all
end

local function same(name, model, data, expected)
  local by_engine = {}
  for _, engine in ipairs { "native", "interpreter" } do
    local runs, all = examine(name, model, data, engine)
    runs, by_engine[#by_engine + 1] = table.concat(runs, " "), all
    assert(runs == expected, ("%s, %s: coordinates are drawn in runs of %s, not of %s"):format(name, engine, runs, expected))
  end
  for i, x in ipairs(by_engine[1]) do assert(x == by_engine[2][i], name .. ": the engines differ") end
end

local N = 30
local y = numbers(N, function(i) return math.sin(3 * i) * 2 end)

same("mixture", borel.model(function(data)
  local w, mu = sample("w", dist.beta(2, 2)), sample("mu", dist.normal(0, 2):iid(2))
  local s = sample("s", dist.half_normal(1))
  local z = sample("z", dist.bernoulli(w):iid(N))
  observe("y", dist.normal(mu[z + 1], s), data.y)
end), { y = y }, "30")

same("mixture of three", borel.model(function(data)
  local w, mu = sample("w", dist.dirichlet { 1, 1, 1 }), sample("mu", dist.normal(0, 2):iid(3))
  local z = sample("z", dist.categorical(w):iid(N))
  observe("y", dist.student_t(4, mu[z], 1), data.y)
end), { y = y }, "30")

same("labels in a loop", borel.model(function(data)
  local w, mu = sample("w", dist.beta(2, 2)), sample("mu", dist.normal(0, 2):iid(2))
  for i = 1, N do
    local z = sample({ "z", i }, dist.bernoulli(w))
    observe(dist.normal(mu[z + 1], 1), data.y[i])
  end
end), { y = y }, "30")

same("two labels, a count and a switch", borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 2):iid(2))
  local a = sample("a", dist.bernoulli(0.4):iid(N))
  local k = sample("k", dist.binomial(4, 0.3))
  local b = sample("b", dist.bernoulli(0.7):iid(N))
  local on = sample("on", dist.bernoulli(0.5))
  observe("y", dist.normal(mu[a + 1] + borel.where(borel.eq(b, 1), k, -k) + on, 1), data.y)
end), { y = y }, "30 1 30 1")

-- A chain: each state depends on its neighbours.
same("hidden Markov", borel.model(function(data)
  local stay = sample("stay", dist.beta(5, 1))
  local z = sample("z", dist.bernoulli(0.5):iid(N))
  local kept = borel.eq(z[{ { 1, N - 1 } }], z[{ { 2, N } }])
  borel.factor("moves", borel.sum(borel.where(kept, borel.log(stay), borel.log(1 - stay))))
  observe("y", dist.normal(2 * z - 1, 1), data.y)
end), { y = y }, (("1 "):rep(N):sub(1, -2)))

-- A sum of all ties the elements.
same("tied", borel.model(function()
  local z = sample("z", dist.bernoulli(0.4):iid(5))
  observe("total", dist.normal(borel.sum(z), 0.5), 2.5)
end), nil, "1 1 1 1 1")

-- Several data for each label, as rows.
same("rows", borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 2):iid(2))
  local z = sample("z", dist.bernoulli(0.4):iid(N))
  observe("y", dist.normal(mu[z + 1]:reshape { N, 1 } + borel.zeros { N, 3 }, 1), data.y)
end), { y = borel.array(numbers(N, function(i) return { y[i], y[i] + 0.5, -y[i] } end)) }, "30")

-- Impossible values.
same("impossible", borel.model(function()
  local x = sample("x", dist.categorical { 0.25, 0, 0.75 })
  borel.factor("f", borel.where(borel.eq(x, 1), -math.huge, 0.5))
end), nil, "1")
print "ok"
