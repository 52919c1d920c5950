-- SPDX-License-Identifier: MIT
-- Draws of sites that are summed out: their conditional laws are those that enumeration gives, and the draws of a run have
-- their frequencies; native code and interpreter draw the same.
local core = require "borel.core"

local out = { marginalize = true }

local function numbers(n, fn)
  local list = {}
  for i = 1, n do list[i] = fn(i) end
  return list
end

local function log_sum_exp(list)
  local most, sum = math.max(table.unpack(list)), 0
  if most == -math.huge then return most end
  for _, x in ipairs(list) do sum = sum + math.exp(x - most) end
  return most + math.log(sum)
end

-- ---- the laws ----------------------------------------------------------------------------------------------------------

-- The discrete elements of a model in which nothing is summed out, in the order of its sites: { { site =, name =,
-- place =, lowest =, count = }, ... }
local function elements_of(whole)
  local list = {}
  for s, site in ipairs(whole:sites()) do
    for place = 1, site.block == "z" and site.size or 0 do
      list[#list + 1] = { site = s, name = site.name, place = place, lowest = site.lowest, count = site.count }
    end
  end
  return list
end

-- log P(element k = v, those of later sites as in z) up to a constant, for each value v in turn; sums over all else.
local function enumerated(whole, u, z, elements, k)
  local lists, at = numbers(elements[k].count, function() return {} end), table.move(z, 1, #z, 1, {})
  local function go(e)
    local element = elements[e]
    if not element then
      local list = lists[at[k] - elements[k].lowest + 1]
      list[#list + 1] = whole:evaluate(u, at)
    elseif element.site > elements[k].site then
      go(e + 1)
    else
      for v = element.lowest, element.lowest + element.count - 1 do
        at[e] = v
        go(e + 1)
      end
    end
  end
  go(1)
  return numbers(#lists, function(v) return log_sum_exp(lists[v]) end)
end

-- The same for all elements together: log P(z) up to a constant, combination by combination, the last element varying fastest.
local function all_of(whole, u, elements)
  local list, at = {}, {}
  local function go(e)
    if not elements[e] then
      list[#list + 1] = whole:evaluate(u, at)
      return
    end
    for v = elements[e].lowest, elements[e].lowest + elements[e].count - 1 do
      at[e] = v
      go(e + 1)
    end
  end
  go(1)
  return list
end

-- The place of z in that list.
local function number_of(z, elements)
  local number = 0
  for e, element in ipairs(elements) do number = number * element.count + z[e] - element.lowest end
  return number + 1
end

-- The largest uniform number for which below(uniforms) is true, all others held: by bisection to the last bit.
local function threshold(uniforms, place, below)
  local moved, low, high = table.move(uniforms, 1, #uniforms, 1, {}), 0, 1
  while true do
    local middle = (low + high) / 2
    if middle == low or middle == high then return low end
    moved[place] = middle
    if below(moved) then low = middle else high = middle end
  end
end

local BITS = 2.0 ^ -51 -- of a cumulative probability: its rounding and that of its inversion

-- Where the uniform number is that element k is made of: the last site is drawn first.
local function places_of(elements)
  local places, used, last = {}, 0, #elements
  while last > 0 do
    local first = last
    while first > 1 and elements[first - 1].site == elements[last].site do first = first - 1 end
    for k = first, last do places[k] = used + k - first + 1 end
    used, last = used + last - first + 1, first - 1
  end
  return places
end

-- Compares thresholds(v) for the values 1 .. count of a choice with the logarithms of weights.
local function compare(name, exact, at)
  local total, before = log_sum_exp(exact), 0
  for v = 1, #exact do
    local to, want = v < #exact and at(v) or 1, exact[v] - total
    local have = math.log(to - before)
    local tolerance = 1e-12 + BITS / math.exp(want)
    if tolerance < 1 then
      assert(math.abs(have - want) <= tolerance, ("%s, value %d: log-probability %.17g, not %.17g"):format(name, v, have, want))
    else
      assert(to - before <= math.exp(want) + BITS, ("%s, value %d: it is all but impossible"):format(name, v))
    end
    before = to
  end
end

-- The function from uniform numbers to the elements of summed sites, at a point, checked in both engines.
local function drawing(name, native, interpreter, u, elements)
  local function listed(values)
    local list = {}
    for k, element in ipairs(elements) do list[k] = math.tointeger(values[element.name][element.place]) end
    return list
  end
  return function(uniforms)
    local z, again = listed(native:values(u, {}, uniforms)), listed(interpreter:values(u, {}, uniforms))
    for k, element in ipairs(elements) do
      assert(z[k] == again[k], name .. ": the engines differ")
      assert(z[k] >= element.lowest and z[k] < element.lowest + element.count, name .. ": out of its range")
    end
    return z
  end
end

-- Every conditional law, by the thresholds of its uniform number, against enumeration, at some points and draws.
-- `joint`: the elements of the only site are drawn together.
local function examine(name, model, data, joint)
  local native, interpreter = model:trace(data, "native", true).target, model:trace(data, "interpreter", true).target
  local whole = model:trace(data, "interpreter", true, true).target
  local elements, choice = elements_of(whole), core.philox(core.stream_key(3, "draws"), 0)
  local places = places_of(elements)
  for round = 1, 3 do
    local u = numbers(native:describe().D, function() return 2 * choice:uniform() - 1 end)
    local uniforms = numbers(#elements, function() return choice:uniform() end)
    local drawn = drawing(name, native, interpreter, u, elements)
    local z = drawn(uniforms)
    for k, element in ipairs(joint and {} or elements) do
      compare(("%s, point %d, element %d"):format(name, round, k), enumerated(whole, u, z, elements, k), function(v)
        return threshold(uniforms, places[k], function(moved) return drawn(moved)[k] < element.lowest + v end)
      end)
    end
    if joint then
      local list = all_of(whole, u, elements)
      compare(("%s, point %d"):format(name, round), list, function(v)
        return threshold(uniforms, 1, function(moved) return number_of(drawn(moved), elements) <= v end)
      end)
    end
  end
end

-- ---- vectors -----------------------------------------------------------------------------------------------------------

local y = numbers(200, function(i) return math.sin(3 * i) * 2 end)
local function some(n) return table.move(y, 1, n, 1, {}) end

examine("labels", borel.model(function(data)
  local w, mu = sample("w", dist.dirichlet { 1, 1, 1 }), sample("mu", dist.normal(0, 2):iid(3))
  local z = sample("z", dist.categorical(w):iid(#data), out)
  borel.deterministic("level", mu[z])
  observe("y", dist.normal(mu[z], 1), data)
end), some(5))

examine("a plate", borel.model(function(data)
  local p, mu = sample("p", dist.beta(2, 2)), sample("mu", dist.normal(0, 2):iid(2))
  borel.plate("i", 6, function(i)
    local z = sample("z", dist.bernoulli(p), out)
    observe("y", dist.normal(mu[z + 1], 1), borel.array(data)[i])
  end)
end), some(6))

-- Two vectors that meet in each observation; one of them has no part in a second.
examine("two labels", borel.model(function(data)
  local mu, s = sample("mu", dist.normal(0, 2):iid(2)), sample("s", dist.half_normal(1))
  local a = sample("a", dist.bernoulli(0.4):iid(3), out)
  local b = sample("b", dist.binomial(2, 0.3):iid(3), out)
  observe("y", dist.normal(mu[a + 1] + s * b, s), data)
  observe("x", dist.normal(borel.where(b:ge(1), mu[1], mu[2]), 1), data)
end), some(3))

examine("a matrix of labels", borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 2):iid(2))
  local z = sample("z", dist.bernoulli(0.4):iid(2):iid(3), out)
  observe("y", dist.normal(mu[z + 1], 1), data)
end), borel.array { { 0.5, -1 }, { 0.2, 2 }, { 1, 1.5 } })

examine("tied", borel.model(function()
  local p = sample("p", dist.beta(2, 2))
  local z = sample("z", dist.bernoulli(p):iid(5), out)
  observe("total", dist.normal(borel.sum(z), 0.5), 2.5)
end), nil, true)

-- ---- scalars and chains ------------------------------------------------------------------------------------------------

examine("a change point", borel.model(function(data)
  local early, late = sample("early", dist.gamma(2, 1)), sample("late", dist.gamma(2, 1))
  local at = sample("at", dist.categorical(borel.zeros { 20 } + 1 / 20), out)
  observe("n", dist.poisson(borel.where(borel.lt(borel.range(1, 20), at), early, late)), data)
end), numbers(20, function(i) return i < 12 and 3 or 1 end))

examine("two that interact", borel.model(function(data)
  local p, mu = sample("p", dist.beta(2, 2)), sample("mu", dist.normal(0, 1):iid(3))
  local a = sample("a", dist.bernoulli(p), out)
  local b = sample("b", dist.categorical(borel.stack { 0.2 + 0.1 * a, 0.3, 0.5 - 0.1 * a }), out)
  observe("y", dist.normal(mu[b] * (1 + a), 1), data)
end), 1.3)

examine("impossible values", borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  local z = sample("z", dist.categorical { 0, 0.25, 0, 0.75, 0 }, out)
  borel.factor("f", borel.where(borel.eq(z, 2), -1, mu * z))
end))

local function chain(states, keep)
  return borel.model(function(data)
    local mu, moves = sample("mu", dist.normal(0, 2):iid(states)), sample("moves", dist.dirichlet(borel.zeros { states } + 2):iid(states))
    local z
    for t = 1, #data do
      z = sample({ "z", t }, t == 1 and dist.categorical(borel.zeros { states } + 1 / states) or dist.categorical(moves[z]),
        { marginalize = true, keep = keep })
      observe({ "y", t }, dist.normal(mu[z], 1), data[t])
    end
  end)
end
examine("a chain", chain(3), some(6))

examine("a chain of the second order", borel.model(function(data)
  local mu, moves = sample("mu", dist.normal(0, 2):iid(2)), sample("moves", dist.dirichlet { 2, 2 }:iid(4))
  local a, b
  for t = 1, #data do
    local z = sample({ "z", t }, t < 3 and dist.categorical { 0.3, 0.7 } or dist.categorical(moves[2 * a + b - 2]), out)
    a, b = b, z
    observe({ "y", t }, dist.normal(mu[z], 1), data[t])
  end
end), some(7))

-- ---- runs --------------------------------------------------------------------------------------------------------------

local folder = os.tmpname()
os.remove(folder)
local made = {}
local function run(model, data, given)
  local path = ("%s-%d"):format(folder, #made + 1)
  made[#made + 1] = path
  local opts = { data = data, draws = 400, warmup = 200, out = path, progress = false }
  for name, value in pairs(given or {}) do opts[name] = value end
  return borel.infer(model, opts)
end

local function rows_of(fit, name)
  local draws = fit:draws(name)
  return draws:reshape({ fit.chain_count * fit.draw_count, draws.size // (fit.chain_count * fit.draw_count) }):totable()
end

-- Draws are independent given the other unknowns: the sum over draws of [event] - P(event | unknowns) has the variance
-- sum P (1 - P).
local function counter(name)
  local excess, variance = 0, 0
  return function(happened, p)
    excess, variance = excess + (happened and 1 or 0) - p, variance + p * (1 - p)
  end, function()
    local sd = math.sqrt(variance)
    assert(math.abs(excess) <= 4.5 * sd + 1e-6, ("%s: %g more than expected, sd %g"):format(name, excess, sd))
  end
end

local function emission(mu, x) return math.exp(-0.5 * (x - mu) ^ 2) end

do -- labels: each draw against P(z = 1 | w, mu, y)
  local labels = borel.model(function(data)
    local w, mu, gap = sample("w", dist.beta(2, 2)), sample("mu", dist.normal(0, 2)), sample("gap", dist.half_normal(2))
    local z = sample("z", dist.bernoulli(w):iid(#data), out)
    borel.deterministic("level", mu + gap * z)
    observe("y", dist.normal(mu + gap * z, 1), data)
  end)
  local data = some(12)
  local fit = run(labels, data)
  assert(fit.columns.z and #fit.columns.z.elements == 12 and fit.manifest.K == 0 and fit.manifest.summed[1] == "z")
  local w, mu, gap, z, level = rows_of(fit, "w"), rows_of(fit, "mu"), rows_of(fit, "gap"), rows_of(fit, "z"), rows_of(fit, "level")
  for i, x in ipairs(data) do
    local count, check = counter(("label %d"):format(i))
    for d = 1, #z do
      local one, zero = w[d][1] * emission(mu[d][1] + gap[d][1], x), (1 - w[d][1]) * emission(mu[d][1], x)
      count(z[d][i] == 1, one / (one + zero))
      assert(level[d][i] == mu[d][1] + gap[d][1] * z[d][i], "a deterministic value of the draw")
    end
    check()
  end
  -- The same bits for any number of threads; none, and the same others, without them.
  local alone = run(labels, data, { threads = 1 })
  for _, name in ipairs { "w", "z", "level" } do
    assert(core.sum(core.abs(fit:draws(name) - alone:draws(name))) == 0, name .. ": threads change it")
  end
  local without = run(borel.model(function(d)
    local a, b, c = sample("w", dist.beta(2, 2)), sample("mu", dist.normal(0, 2)), sample("gap", dist.half_normal(2))
    local k = sample("z", dist.bernoulli(a):iid(#d), { marginalize = true, keep = false })
    observe("y", dist.normal(b + c * k, 1), d)
  end), data)
  assert(not without.columns.z and #without.manifest.summed == 0)
  assert(core.sum(core.abs(without:draws "gap" - fit:draws "gap")) == 0, "draws of labels change nothing else")
  -- What is predicted for an observation goes with its label; more observations get labels of their own.
  local predicted = fit:predict { sites = { "z", "level" } }
  assert(core.sum(core.abs(predicted:draws "z":to "f64" - fit:draws "z")) == 0)
  assert(core.sum(core.abs(predicted:draws "level" - fit:draws "level")) == 0)
  assert(fit:predict({ data = some(20), sites = { "z" } }):draws "z".shape[3] == 20)
  assert(#fit:loo().elements == 12)
end

do -- a chain: pairs of states against the two-slice laws of forward-backward, on numbers
  local T, states, data = 12, 2, some(12)
  local fit = run(chain(states), data)
  local mu, moves = rows_of(fit, "mu"), rows_of(fit, "moves")
  local z = numbers(T, function(t) return rows_of(fit, ("z[%d]"):format(t)) end)
  local counts, checks = {}, {}
  for t = 1, T - 1 do
    for i = 1, states do
      for j = 1, states do
        local key = (t * states + i) * states + j
        counts[key], checks[key] = counter(("states %d and %d of steps %d and %d"):format(i, j, t, t + 1))
      end
    end
  end
  for d = 1, #mu do
    local function move(i, j) return moves[d][(i - 1) * states + j] end
    local a, b = {}, { [T] = numbers(states, function() return 1 end) }
    for t = 1, T do
      a[t] = numbers(states, function(j)
        local sum = t == 1 and 1 or 0
        for i = 1, t > 1 and states or 0 do sum = sum + a[t - 1][i] * move(i, j) end
        return sum * emission(mu[d][j], data[t])
      end)
    end
    for t = T - 1, 1, -1 do
      b[t] = numbers(states, function(i)
        local sum = 0
        for j = 1, states do sum = sum + move(i, j) * emission(mu[d][j], data[t + 1]) * b[t + 1][j] end
        return sum
      end)
    end
    local whole = 0
    for i = 1, states do whole = whole + a[T][i] end
    for t = 1, T - 1 do
      for i = 1, states do
        for j = 1, states do
          counts[(t * states + i) * states + j](z[t][d][1] == i and z[t + 1][d][1] == j,
            a[t][i] * move(i, j) * emission(mu[d][j], data[t + 1]) * b[t + 1][j] / whole)
        end
      end
    end
  end
  for _, check in pairs(checks) do check() end
  -- States beyond the data are drawn from the last one.
  local longer = fit:predict { data = some(15) }
  assert(core.sum(core.abs(longer:draws "z[12]":to "f64" - fit:draws "z[12]")) == 0)
  assert(longer:draws "z[15]".size == fit.chain_count * fit.draw_count)
end

do -- borel explain says it
  local explain = require "borel.explain"
  local function said(keep)
    local model = chain(2, keep)
    local traced = model:trace(some(20), "interpreter", true)
    return explain.text(explain.model(model, traced, some(20), { kernel = "nuts{}", why = "" }))
  end
  local with, without = said(true), said(false)
  assert(with:find("summed out: z (2 values, 20 elements)\n         each draw of a run has a draw of them", 1, true), with)
  assert(without:find("a run keeps no draws of them", 1, true), without)
end

-- ---- long chains are loops ---------------------------------------------------------------------------------------------

for states = 2, 3 do
  local statements = numbers(2, function(k) return chain(states):trace(some(100 * k), "native", true).target:describe().statements end)
  assert(statements[1] == statements[2], ("%d states: %d statements, and %d"):format(states, statements[1], statements[2]))
end

for _, path in ipairs(made) do os.execute("rm -r " .. path) end
print "ok"
