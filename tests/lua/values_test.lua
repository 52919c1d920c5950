-- SPDX-License-Identifier: MIT
-- Values of the modelling language: arrays, symbolic values, the operations on both, JSON.
local borel = require "borel"
local core = require "borel.core"
local array = borel.array

local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("error %q does not match %q"):format(tostring(message), pattern))
  return message
end

local function same(have, want, what)
  if core.is_array(have) then have = have:totable() end
  if type(want) ~= "table" then
    assert(have == want or have ~= have and want ~= want, ("%s: %s, not %s"):format(what or "value", tostring(have), tostring(want)))
    return
  end
  assert(type(have) == "table", (what or "value") .. ": not a table: " .. tostring(have))
  assert(#have == #want, ("%s: %d elements, not %d"):format(what or "value", #have, #want))
  for i = 1, #want do same(have[i], want[i], ("%s[%d]"):format(what or "value", i)) end
end

-- ---- arrays -----------------------------------------------------------------------------------------------

local x = array { 1.0, 2, 3 }
local m = array { { 1, 2, 3 }, { 4, 5, 6 } }
same(m.shape, { 2, 3 })
assert(m.rank == 2 and m.size == 6 and m.dtype == "i64" and #m == 2)
assert(array({ 1.5, 2 }).dtype == "f64" and array({ true, false }).dtype == "bool")
same(m[2], { 4, 5, 6 })
same(m[{ ":", 2 }], { 2, 5 })
assert(m[{ 2, 3 }] == 6)
same(m[{ ":", { 2, 3 } }], { { 2, 3 }, { 5, 6 } })
same(m:slice(2, 2), { { 4, 5, 6 } })
same(m:reshape { 3, 2 }, { { 1, 2 }, { 3, 4 }, { 5, 6 } })
same(m[array { 2, 1, 2 }], { { 4, 5, 6 }, { 1, 2, 3 }, { 4, 5, 6 } })
same(array { 10, 20, 30 }[array { { 3, 1 }, { 2, 2 } }], { { 30, 10 }, { 20, 20 } })
same(array({ 10, 20, 30 }):gather { 3, 1 }, { 30, 10 })
same(borel.zeros { 2, 2 }, { { 0, 0 }, { 0, 0 } })
same(borel.ones(3), { 1, 1, 1 })
same(borel.range(2, 4), { 2, 3, 4 })
fails("index 9 is out of range: axis 1 has 2 elements", function() return m[9] end)
fails("index 0 is out of range", function() return m[0] end)
fails("whole number", function() return m[1.5] end)
fails("3 indices for 2 axes", function() return m[{ 1, 2, 3 }] end)
fails("slice 2 to 1 is empty", function() return m:slice(2, 1) end)
fails("not as many elements", function() return m:reshape { 4 } end)
fails("cannot be changed", function() m[1] = 3 end)
fails("has no 'shpae'", function() return m.shpae end)
fails("ragged", array, { { 1, 2 }, { 3 } })
fails("empty", array, {})
fails("is a string", array, { 1, "x" })
fails("at place 2%) is out of range", function() return m[array { 1, 3 }] end)
fails("not a mask", function() return x[x:gt(1)] end)
fails("got an f64 array", function() return x[array { 1.0 }] end)
fails("got a nil", function() return x[nil] end)
fails("index 9 is out of range: axis 2 has 3 elements", function() return m[{ 1, { 2, 9 } }] end)
local total = 0
for i, element in ipairs(x) do total = total + i * element end -- Lua looks one further than the end
assert(total == 14)
assert((2.5):gt(1) == true and ((2):gt(1) & (1):gt(2)) == false and (0):exp() == 1) -- as sites of a plain run
fails("index 4 is out of range", function() return x[4] end)
assert(x[2.0] == 2 and #array(5).shape == 0 and array(5).rank == 0)

-- An error names the line of the person, also when a C function was called by pcall.
do
  local line = debug.getinfo(1, "l").currentline
  local _, message = pcall(function() return x[7] end) -- line + 1
  assert(message:find(("values_test.lua:%d: index 7"):format(line + 1), 1, true), message)
end

-- ---- operations on numbers and arrays ----------------------------------------------------------------------

same(x + 1, { 2, 3, 4 })
same(2 ^ x, { 2, 4, 8 })
same(-x, { -1, -2, -3 })
same(m + array { 10, 20, 30 }, { { 11, 22, 33 }, { 14, 25, 36 } })
same(m * array { { 1 }, { 10 } }, { { 1, 2, 3 }, { 40, 50, 60 } })
same(array { { 1 }, { 2 } } + array { 10, 20, 30 }, { { 11, 21, 31 }, { 12, 22, 32 } })
same(array { { { 1 }, { 2 } } } * array { { { 3, 4 } }, { { 5, 6 } } }, { { { 3, 4 }, { 6, 8 } }, { { 5, 6 }, { 10, 12 } } })
same(x + array { 1 }, { 2, 3, 4 })
same(x + { 1, 2, 3 }, { 2, 4, 6 })
assert((m - m).dtype == "i64" and (m * m).dtype == "i64" and (m:gt(1) + m:gt(2)).dtype == "f64")
assert(array { math.maxinteger - 1 }[1] == math.maxinteger - 1 and (array { math.maxinteger - 1 } + 1)[1] == math.maxinteger)
assert((m + 1).dtype == "i64" and (m + 1.5).dtype == "f64" and (m / 2).dtype == "f64")
same(x:gt(1.5), { false, true, true })
same(x:gt(1.5) & x:lt(2.5), { false, true, false })
same(x:lt(1.5) | x:gt(2.5), { true, false, true })
same(~x:gt(1.5), { true, false, false })
same(borel.where(x:gt(1.5), x, 0), { 0, 2, 3 })
assert(borel.where(true, 1, 2) == 1 and borel.gt(2, 1) == true)
same(borel.where(true, x, 0), { 1, 2, 3 })
same(borel.where(x:eq(2), 1, array { 7, 8, 9 }), { 7, 1, 9 })
same(borel.logical_and(true, x:gt(1)), { false, true, true })
same(false | x:ne(1), { false, true, true })
assert(borel.sum(borel.where(false, 0.0, 1.0)) == 1 and borel.sum(borel.where(x:gt(1), 0.0, 1.0)) == 1)
assert(borel.sum(x:gt(1)) == 2 and borel.mean(x:gt(1)) == 2 / 3 and borel.sum(true) == 1)
assert(x[1] == 1 and array(4):sqrt() == 2 and array(4):gt(3) == true) -- never an array of no axes
assert(borel.sum(x) == 6 and borel.mean(x) == 2 and x:maximum() == 3 and borel.dot(x, x) == 14)
assert(borel.sum { 1, 2, 3 } == 6 and borel.sum(5) == 5)
same(borel.sum(m, 1), { 5, 7, 9 })
same(borel.sum(m, 2), { 6, 15 })
same(borel.mean(m, 2), { 2, 5 })
assert(borel.sum { x, x } == 12 and borel.sum { x, 1 } == 7 and borel.maximum { x, 9 } == 9)
same(borel.sum({ x, x }, 1), { 2, 4, 6 })
same(borel.mean({ x, x + 2 }, 2), { 2, 4 })
same(borel.cumsum(x), { 1, 3, 6 })
same(borel.stack { x, 4, array { 5.0, 6 } }, { 1, 2, 3, 4, 5, 6 })
assert(borel.stack({ 1, 2 }).dtype == "i64" and borel.stack({ 1, 2.5 }).dtype == "f64")
assert(borel.stack({ m[1], 7 }).dtype == "i64" and borel.stack({ m[1], x }).dtype == "f64")
same(borel.stack { x:gt(1), true }, { false, true, true, true })
same(borel.stack { { 1, 2 }, 3 }, { 1, 2, 3 })
same(borel.stack { m, m + 10 }, { { { 1, 2, 3 }, { 4, 5, 6 } }, { { 11, 12, 13 }, { 14, 15, 16 } } })
same(borel.stack({ m, m + 10 }, { axis = 1 }), { { { 1, 2, 3 }, { 4, 5, 6 } }, { { 11, 12, 13 }, { 14, 15, 16 } } })
same(borel.stack({ m, m + 10 }, { axis = 2 }), { { { 1, 2, 3 }, { 11, 12, 13 } }, { { 4, 5, 6 }, { 14, 15, 16 } } })
same(borel.stack({ m, m + 10 }, { axis = 3 }), { { { 1, 11 }, { 2, 12 }, { 3, 13 } }, { { 4, 14 }, { 5, 15 }, { 6, 16 } } })
same(borel.stack({ x, { 4, 5, 6 } }, { axis = 1 }), { { 1, 2, 3 }, { 4, 5, 6 } })
same(borel.stack({ x, { 4, 5, 6 } }, { axis = 2 }), { { 1, 4 }, { 2, 5 }, { 3, 6 } })
same(borel.stack({ x:gt(1), x:gt(2) }, { axis = 2 }), { { false, false }, { true, false }, { true, true } })
same(borel.stack({ { { 1, 2 } }, { { 3, 4 } } }), { { { 1, 2 } }, { { 3, 4 } } })
same(borel.stack({ { 1, 2 }, { 3, 4 } }, { axis = 2 }), { { 1, 3 }, { 2, 4 } })
same(borel.stack({ 1, 2 }, { axis = 1 }), { 1, 2 })
fails("stack: the list holds shapes %[2, 3%] and %[3, 2%]", borel.stack, { m, m:t() })
fails("stack: the list holds shapes %[2, 3%] and %[%]", borel.stack, { m, 7 })
fails("stack: the list holds shapes %[3%] and %[2%]", borel.stack, { x, { 1, 2 } }, { axis = 1 })
fails("stack: the axis must be a whole number from 1 to 3", borel.stack, { m, m }, { axis = 4 })
fails("unknown option 'axes'", borel.stack, { m, m }, { axes = 1 })
fails("an array has at most 4 axes", borel.stack, { m:reshape { 1, 1, 2, 3 }, m:reshape { 1, 1, 2, 3 } })
fails("an array of shape %[40000, 40000%] would take 11.9 GiB; the most is 2 GiB", borel.zeros, { 40000, 40000 })
fails("would take 11.9 GiB", borel.ones, { 40000, 40000 })
fails("would take [%d.e+]+ GiB", borel.range, math.mininteger, math.maxinteger)
fails("would take 11.9 GiB", function() return borel.zeros { 40000, 1 } + borel.zeros(40000) end)
do
  local many = {}
  for i = 1, 1100000 do many[i] = i end -- more than a Lua stack holds
  assert(borel.stack(many)[1100000] == 1100000)
end
same(borel.matmul(m, array { 1, 0, 2 }), { 7, 16 })
same(borel.matmul(m, array { { 1, 0 }, { 0, 1 }, { 1, 1 } }), { { 4, 5 }, { 10, 11 } })
assert(math.abs(borel.log_sum_exp(array { 0.0, 0 }) - math.log(2)) < 1e-15)
assert(math.abs(borel.log_sum_exp(1, 1, 1) - (1 + math.log(3))) < 1e-15)
assert(borel.log_sum_exp(-math.huge, -math.huge) == -math.huge)
for i = 1, 2 do
  local row = borel.log_sum_exp(m, { axis = 2 })[i]
  assert(math.abs(row - math.log(math.exp(m[{ i, 1 }]) + math.exp(m[{ i, 2 }]) + math.exp(m[{ i, 3 }]))) < 1e-14)
end
assert(math.abs(borel.logit(0.25) - math.log(1 / 3)) < 1e-15 and math.abs(borel.log_inv_logit(0) + math.log(2)) < 1e-16)
assert(borel.square(3) == 9 and borel.inv_logit(0) == 0.5 and borel.lgamma(1) == 0)
same(x:exp():log(), { 1, 2, 3 })
fails("shapes %[3%] and %[2%] do not fit together", function() return x + array { 1, 2 } end)
fails("log: argument 1 is a string", borel.log, "x")
fails("pow takes 2 values, got 1", borel.pow, 2)
fails("must be a mask", borel.where, x, 1, 2)
fails("compared with <", function() return x < 2 end)
fails("x:eq", function() return x == array { 1.0, 2, 3 } end)
fails("matmul: shapes", borel.matmul, m, x:slice(1, 2))
fails("the axis must be a whole number from 1 to 2", borel.sum, m, 3)
fails("the list holds shapes %[3%] and %[%]", borel.sum, { x, 1 }, 1)
fails("a scalar has no axis", borel.sum, 5, 1)
for i = 1, 3 do
  local column = borel.log_sum_exp(m, { axis = 1 })[i]
  assert(math.abs(column - math.log(math.exp(m[{ 1, i }]) + math.exp(m[{ 2, i }]))) < 1e-14)
end
do
  local deep = borel.range(1, 24):reshape { 2, 3, 4 }
  same(deep:maximum(1), { { 13, 14, 15, 16 }, { 17, 18, 19, 20 }, { 21, 22, 23, 24 } })
  same(deep:maximum(2), { { 9, 10, 11, 12 }, { 21, 22, 23, 24 } })
  same(deep:minimum(3), { { 1, 5, 9 }, { 13, 17, 21 } })
  assert(borel.minimum(deep) == 1 and borel.minimum { x, -3 } == -3 and borel.maximum(2) == 2)
end
fails("maximum: the axis must be a whole number from 1 to 2", borel.maximum, m, 3)
fails("the smaller of two is min", borel.minimum, x, x)
fails("unknown option 'axes'; did you mean 'axis'", borel.log_sum_exp, m, { axes = 1 })
fails("the larger of two is max", borel.maximum, x, x)
fails("cumsum takes 1 value, got 2", borel.cumsum, x, 1)
fails("mean: argument 1 is a string", borel.mean, "x")
fails("the list is empty", borel.stack, {})
fails("stack: argument 2 is a string", borel.stack, { x, "y" })
fails("dot: shapes %[3%] and %[%]", borel.dot, x, 3)
fails("an f32 array", function() return x:to "f32" + 1 end)
fails("argument 2 is a missing value", function() return x + core.missing end)
fails("logical_and: argument 2 must be a mask", function() return x:gt(1) & 1.5 end)
fails("joined", function() return "x" .. x end)

-- ---- samples --------------------------------------------------------------------------------------------------

-- {3, 1, 4, 1, 5}: R 4.2's var, sd, quantile (type 7), sort.
local sample = array { 3.0, 1, 4, 1, 5 }
same(sample:sort(), { 1, 1, 3, 4, 5 })
assert(array({ 3, 1, 2 }):sort().dtype == "i64" and sample:median() == 3 and borel.median { 4, 1, 3, 2 } == 2.5)
do
  local sorted = borel.sort { 2, 0 / 0, -math.huge, 1 } -- NaN comes last
  assert(sorted[1] == -math.huge and sorted[2] == 1 and sorted[3] == 2 and sorted[4] ~= sorted[4])
  assert(borel.quantile({ 2, 0 / 0 }, 0) ~= borel.quantile({ 2, 0 / 0 }, 0))
end
assert(math.abs(sample:var() - 3.2) < 1e-15 and math.abs(sample:sd() - 1.78885438199983175) < 1e-15)
same(m:var(2), { 1, 1 })
same(m:var(1), { 4.5, 4.5, 4.5 })
same(borel.quantile(sample, { 0, 0.25, 0.5, 0.9, 1 }), { 1, 1, 3, 4.6, 5 })
assert(borel.quantile({ 1, math.huge }, 0) == 1 and borel.quantile(7, 0.3) == 7 and borel.quantile({ 1, 2, 3, 4 }, 0.25) == 1.75)
do -- exp(1), exp(2), exp(3) over their sum
  local want = { 0.0900305731703804579, 0.244728471054797642, 0.665240955774821893 }
  for i, share in ipairs(borel.softmax { 1, 2, 3 }) do assert(math.abs(share - want[i]) < 1e-15) end
  for i = 1, 3 do
    assert(math.abs(m:softmax(2)[{ 1, i }] - want[i]) < 1e-15)
    assert(math.abs(m:softmax(1)[{ 2, i }] - 1 / (1 + math.exp(-3))) < 1e-15)
  end
  same(borel.softmax { 1000, -math.huge }, { 1, 0 })
end
fails("var: two values at least are needed, these are 1", borel.var, array { 1.0 })
fails("sort: needs an array of one axis", borel.sort, m)
fails("quantile: p is 1.5, must be from 0 to 1", borel.quantile, x, 1.5)
fails("quantile: p is a nil", borel.quantile, x)
fails("argument 1 is a string", borel.sort, "x")
do -- each adjoint goes to where the element stands: d/dx of 1 x_(1) + 2 x_(2) + 3 x_(3) + 4 x_(4)
  local weighted = function(v) return borel.sum(v:sort() * array { 1.0, 2, 3, 4 }) end
  same(borel.grad(weighted, array { 0.5, -1.25, 3, 0.75 }), { 2, 1, 4, 3 })
  same(borel.grad(borel.median, array { 0.5, -1.25, 3, 0.75 }), { 0.5, 0, 0, 0.5 })
  same(borel.grad(function(v) return v:reshape { 2, 2 }:maximum(1):sum() end, array { 0.5, 2.5, 3, 0.75 }), { 0, 1, 1, 0 })
end

-- ---- symbolic values give what arrays give --------------------------------------------------------------------

-- Runs fn on symbolic values, and returns `count` elements of its result at a point: real numbers `u`, and one
-- whole number `z` when given.
local function through_graph(fn, count, u, z)
  local graph <close> = core.trace_begin()
  local again = core.model(graph)
  local v, k = graph:input({ #u }, "f64"), z and graph:input({}, "i64")
  again:site("u", v, "u")
  if k then again:site("z", k, "z", 0, 10) end
  local result = fn(v, k)
  for i = 1, count do
    local element = result.rank == 0 and result or result:reshape { count }[i]
    again:term("element " .. i, borel.where(true, element, 0.0), true)
  end
  local shape, dtype = result.shape, result.dtype
  core.trace_end(graph)
  again:build "interpreter"
  return again:terms(u, { z }), shape, dtype
end

-- What fn gives on plain values it must give through a graph.
local function agree(what, fn, u, z)
  local plain = fn(array(u, "f64"), z)
  local is_array = core.is_array(plain)
  local flat = is_array and plain:to("f64"):reshape { plain.size }:totable() or { plain == true and 1 or plain or 0 }
  local have, shape, dtype = through_graph(fn, #flat, u, z)
  same(shape, is_array and plain.shape or {}, what .. ": shape")
  assert((dtype == "bool") == (is_array and plain.dtype == "bool" or type(plain) == "boolean"), what .. ": " .. dtype)
  for i, want in ipairs(flat) do
    assert(have[i] == want or have[i] ~= have[i] and want ~= want,
      ("%s, element %d: %.17g in the graph, %.17g outside"):format(what, i, have[i], want))
  end
end

local at = { 0.5, -1.25, 3, 0.75 }
for what, fn in pairs {
  arithmetic = function(v) return (v + 1) * v / 3 - v ^ 2 end,
  broadcast = function(v) return v:reshape { 2, 2 } + array { 10.0, 20 } end,
  elementary = function(v) return borel.exp(v) + borel.log1p(v * v) + borel.sin(v) * borel.tanh(v) end,
  masks = function(v) return borel.where(v:gt(0) & v:lt(2), v, -v) end,
  comparison = function(v) return v:ge(0.5) end,
  index = function(v) return v[3] end,
  rows = function(v) return v:reshape { 2, 2 }[2] end,
  columns = function(v) return v:reshape { 2, 2 }[{ ":", 1 }] end,
  slice = function(v) return v:slice(2, 3) end,
  gather = function(v) return v[array { 4, 1, 1 }] end,
  sum = function(v) return borel.sum(v) end,
  axis = function(v) return borel.sum(v:reshape { 2, 2 }, 1) end,
  mean = function(v) return borel.mean(v) end,
  cumsum = function(v) return borel.cumsum(v) end,
  sort = function(v) return v:sort() end,
  quantile = function(v) return v:quantile { 0.1, 0.5, 1 } end,
  moments = function(v) return borel.stack { v:var(), v:sd(), v:median() } end,
  ["variances of columns"] = function(v) return v:reshape { 2, 2 }:var(1) end,
  softmax = function(v) return v:softmax() end,
  ["softmax of columns"] = function(v) return v:reshape { 2, 2 }:softmax(1) end,
  ["a reduction of columns"] = function(v) return borel.log_sum_exp(v:reshape { 2, 2 }, { axis = 1 }) end,
  ["largest of rows"] = function(v) return v:reshape { 2, 2 }:maximum(2) end,
  ["smallest of columns"] = function(v) return v:reshape { 2, 2 }:minimum(1) end,
  ["stacked matrices"] = function(v)
    local square = v:reshape { 2, 2 }
    return borel.stack({ square, 2 * square }, { axis = 2 })
  end,
  ["stacked vectors"] = function(v) return borel.stack({ v, v + 1 }, { axis = 1 }) end,
  stack = function(v) return borel.stack { v[2], v, 7 } end,
  product = function(v) return borel.matmul(array { { 1.0, 2, 3, 4 }, { 0, 1, 0, 1 } }, v) end,
  reduction = function(v) return borel.log_sum_exp(v) end,
  mixture = function(v) return borel.log_sum_exp(v, 2 * v, v - 1) end,
  scan = function(v) return (borel.scan(function(c, e) return c * 0.5 + e end, 0, v)) end,
  outputs = function(v) return (select(2, borel.scan(function(c, e) return c + e, c * e end, 1.5, v))) end,
  ["vector outputs"] = function(v) return (select(2, borel.scan(function(c, e) return c + e, v * e end, 1.5, v))) end,
  reverse = function(v)
    return (select(2, borel.scan(function(c, e) return c * 0.5 + e, c - e end, 0, v, { reverse = true })))
  end,
  ["several carries"] = function(v)
    local last = borel.scan(function(c, e, w) return { c[1] + e * w, c[2] * e + c[1] } end, { 0, v }, { v, array { 4, 3, 2, 1 } })
    return last[1] + last[2]
  end,
  ["captured values"] = function(v)
    local scale = borel.exp(v[1])
    return (borel.scan(function(c, t) return c + scale * v[t] - t end, 0, 4)) -- nothing symbolic goes in
  end,
  ["masks in a scan"] = function(v)
    return (borel.scan(function(c, keep, e) return borel.where(keep, c + e, c) end, 0, { v:gt(0), v }))
  end,
  ["mask as carry"] = function(v) return (borel.scan(function(c, e) return borel.gt(c + e, 0.5) end, false, v)) end,
  ["a map"] = function(v) return borel.map(function(e) return e * e + v[1] end, v) end,
  ["a map of rows"] = function(v)
    return borel.map(function(row, k) return row * k + v[2] end, { v:reshape { 2, 2 }, array { 3.0, 4 } })
  end,
  ["a map of numbers"] = function(v) return borel.map(function(i) return v[i] * i end, 4) end,
  ["a choice"] = function(v)
    return borel.cond(v[1]:gt(v[2]), function() return v * 2 end, function() return v[3] + v end)
  end,
  ["a choice with arguments"] = function(v)
    local a, b = borel.cond(v[1]:lt(v[2]), function(p, q) return p + q, p end, function(p, q) return p - q, q end, v[1], v[4])
    return a * b
  end,
  ["a choice in a scan"] = function(v)
    return (select(2, borel.scan(function(c, e)
      return borel.cond(e:gt(c), function() return c + e end, function() return v[2] end), c
    end, 0.5, v)))
  end,
  ["a choice in a choice"] = function(v)
    return borel.cond(v[1]:gt(0), function()
      return borel.cond(v[2]:gt(0), function() return v[1] end, function() return v[2] * 2 end)
    end, function() return v[3] end)
  end,
  ["a known choice"] = function(v) return borel.cond(#v > 3, function() return v + 1 end, function() error "never" end) end,
  ["a bounded loop"] = function(v) -- the square root by Newton's method
    local a = 1 + v[1] * v[1]
    return borel.while_loop(function(r) return borel.abs(r * r - a):gt(1e-12) end,
      function(r) return (r + a / r) / 2 end, a, { most = 30 })
  end,
  ["a loop of two carries"] = function(v)
    local last = borel.while_loop(function(c) return borel.lt(c[1], 10) end,
      function(c) return { c[1] * 2, c[2] + v } end, { borel.exp(v[1]), v }, { most = 50 })
    return last[2] * last[1]
  end,
  ["parts of masks"] = function(v) return v:gt(0)[array { 2, 3 }] & v:lt(1):slice(1, 2) end,
  ["stack of masks"] = function(v) return borel.stack { v:gt(0), v:lt(0) } end,
  ["mask with booleans"] = function(v) return borel.logical_or(v:gt(0), false) end,
  ["sum of a mask"] = function(v) return borel.sum(v:gt(0)) end,
  ["sum of a list"] = function(v) return borel.sum { v[1], v, 2 } end,
  ["sum of a list along an axis"] = function(v) return borel.sum({ v, v * v }, 1) end,
  ["mean of a list"] = function(v) return borel.mean({ v, 2 * v }, 2) end,
  ["cumsum of a list"] = function(v) return borel.cumsum { v[1], v[2], 3 } end,
  ["maximum"] = function(v) return borel.maximum(v) end,
  ["reduction along the last axis"] = function(v) return borel.log_sum_exp(v:reshape { 2, 2 }, { axis = 2 }) end,
  ["dot"] = function(v) return borel.dot(v, { 1, 2, 3, 4 }) end,
  ["logit"] = function(v) return borel.logit(borel.inv_logit(v)) + borel.log_inv_logit(v) + borel.square(v) end,
  ["column and row"] = function(v) return v:reshape { 4, 1 } - v end,
  ["a constant array"] = function(v) return m * v:slice(1, 3) end,
  ["ranges"] = function(v) return v:reshape { 2, 2 }[{ { 1, 2 }, { 2, 2 } }] end,
  ["the gather of rows"] = function(v) return v:reshape { 2, 2 }[array { 2, 1, 2 }] end,
} do
  agree(what, fn, at)
end

for z = 1, 3 do
  for what, fn in pairs {
    ["an unknown index"] = function(v, k) return v[k] end,
    ["an unknown index of data"] = function(_, k) return array({ 10.0, 20, 30 })[k] end,
    ["a shifted index"] = function(v, k) return v[k + 1] end,
    ["whole numbers"] = function(v, k) return v[1] * (k * 2 - 1) + k / 4 end,
    ["comparison of whole numbers"] = function(_, k) return borel.ge(k, 2) end,
    ["choice"] = function(v, k) return borel.where(borel.eq(k, 2), v[1], -1) end,
  } do
    agree(what .. " " .. z, fn, at, z)
  end
end

do
  local graph <close> = core.trace_begin()
  local v, k = graph:input({ 3 }, "f64"), graph:input({}, "i64")
  local w = v:reshape { 1, 3 }
  assert(v.dtype == "f64" and k.dtype == "i64" and (k + 1).dtype == "i64" and (k + 1.5).dtype == "f64" and (k / 2).dtype == "f64")
  assert(#v == 3 and w.rank == 2 and w.size == 3)
  local before = v[2] and graph:size()
  for _ = 1, 5 do assert(v[2]) end
  assert(graph:size() == before, "the same element is the same node")
  fails("index 4 is out of range: axis 1 has 3 elements", function() return v[4] end)
  fails("this value is real", function() return x[v[1]] end)
  fails("not a mask", function() return x[v[1]:gt(0)] end)
  assert(m[k].rank == 1)
  fails("add: shapes %[3%] and %[4%] do not fit together", function() return v + borel.ones(4) end)
  fails("the list holds shapes %[3%] and %[%]", borel.sum, { v, 1 }, 1)
  fails("combine drawn values with stack", function() return v[1] + { v[1], 2 } end)
  fails("cannot be changed", function() v[1] = 3 end)
  fails("has no 'shpae'", function() return v.shpae end)
  fails("compared with <", function() return v[1] < 2 end)

  -- Errors in the body of a scan close its trace: the model goes on.
  fails("scan: carry 1 has shape %[%] but the step returns shape %[3%]", borel.scan, function() return v end, 0, 3)
  fails("the step returns nothing", borel.scan, function() end, v, 3)
  fails("values_test.lua:%d+: oh", borel.scan, function() error "oh" end, v, 3)
  fails("would have more than 4", borel.scan, function(c) return c, borel.ones { 1, 1, 1, 1 } end, 0, 3)
  fails("values_test.lua:%d+: oh", borel.scan, function(c)
    return (borel.scan(function() error "oh" end, c, 2))
  end, 0, 3)
  local inside
  borel.scan(function(c)
    inside = c
    return c
  end, v[1], 3)
  fails("used after its model was traced", function() return inside + 1 end)
  local nested = borel.scan(function(c, e)
    return c + borel.scan(function(n, d) return n * 0.5 + d * e * v[2] end, 1, v)
  end, 0, v)
  assert(core.is_symbolic(nested) and nested.rank == 0)

  local function one() return 1 end
  local function two() return 1, 2 end
  fails("cond takes a mask and two functions, got 2 values", borel.cond, v[1]:gt(0), one)
  fails("cond: argument 3 must be a function, got a number", borel.cond, v[1]:gt(0), one, 2)
  fails("cond: the condition is an array", borel.cond, v:gt(0), one, one)
  fails("cond: the condition is a symbolic value, not a mask", borel.cond, v[1], one, one)
  fails("cond: one branch returns 1 values, the other 2", borel.cond, v[1]:gt(0), one, two)
  fails("cond: a branch returns 0 values", borel.cond, v[1]:gt(0), one, function() end)
  fails("cond: result 1 is f64 %[3%] in one branch and f64 %[%] in the other", borel.cond, v[1]:gt(0),
    function() return v end, one)
  fails("values_test.lua:%d+: oh", borel.cond, v[1]:gt(0), one, function() error "oh" end)
  fails("map: the step must be a function", borel.map, 1, v)
  fails("the step returns nothing", borel.map, function() end, v)
  assert(core.is_symbolic(v + 1) and core.is_symbolic(borel.scan(function(c, t) return c + t end, 0, 3)))
end

fails("used after its model was traced", function()
  local graph = core.trace_begin()
  local u = graph:input({}, "f64")
  core.trace_end(graph)
  return u + 1
end)

-- ---- scan on plain numbers --------------------------------------------------------------------------------------

local carry, outputs = borel.scan(function(c, i) return { c[1] + i, c[2] * 2 }, i * i end, { 0, 1 }, 4)
same(carry, { 10, 16 })
same(outputs, { 1, 4, 9, 16 })
same(borel.map(function(i) return i * i end, 4), { 1, 4, 9, 16 })
same(borel.map(function(a, b) return a + b end, { array { 1, 2 }, array { 10, 20 } }), { 11, 22 })
same(borel.map(function(row) return row * 2 end, m), { { 2, 4, 6 }, { 8, 10, 12 } })
fails("map: sequence 2 has 2 elements, the first has 3", borel.map, function(c) return c end, { x, x:slice(1, 2) })
fails("map takes a function and sequences, got 3 values", borel.map, function() return 1 end, 3, 4)
fails("map: the number of steps is 0", borel.map, function() return 1 end, 0)
assert(borel.cond(true, function(a) return a end, error, 5) == 5 and borel.cond(0, error, function() return 6 end) == 6)
fails("cond: the condition is a number, not a mask", borel.cond, 1.5, error, error)
assert(borel.while_loop(function(c) return c < 100 end, function(c) return c * 2 end, 1, { most = 7 }) == 128)
local endless = borel.while_loop(function() return true end, function(c) return c + 1 end, 1, { most = 7 })
assert(endless ~= endless)
fails("while_loop: say how many steps", borel.while_loop, function() return true end, function(c) return c end, 1)
fails("did you mean 'most'", borel.while_loop, function() return true end, function(c) return c end, 1, { mst = 4 })
fails("sequence 2 has 2 elements, the first has 3", borel.scan, function(c) return c end, 0, { x, x:slice(1, 2) })
fails("step must be a function", borel.scan, 1, 0, x)
carry, outputs = borel.scan(function(c, e) return c + e, c end, 0, array { 1, 2, 3 }, { reverse = true })
assert(carry == 6 and outputs.dtype == "i64")
same(outputs, { 5, 3, 0 }) -- each at the place of its element
same(select(2, borel.scan(function(c, t) return c, x * t end, 0, 2)), { { 1, 2, 3 }, { 2, 4, 6 } })
same(borel.scan(function(c, r) return c + r end, borel.zeros(3), m), { 5, 7, 9 })
assert(borel.scan(function(c, t) return c + t end, 0, 3.0) == 6)
assert(select("#", borel.scan(function(c) return c end, 0, 3)) == 1)
fails("scan: carry 1 has shape %[%] but the step returns shape %[3%]", borel.scan, function() return x end, 0, 3)
fails("output has shape %[%] at the first step and shape %[2%]", borel.scan,
  function(c, t) return c, t == 2 and borel.ones(2) or 1 end, 0, 3)
fails("output has shape %[2, 1%] at the first step and shape %[1, 2%]", borel.scan,
  function(c, t) return c, t == 2 and borel.ones { 1, 2 } or borel.ones { 2, 1 } end, 0, 3)
fails("an output at some steps only", borel.scan, function(c, t) return c, t == 1 and 1 or nil end, 0, 3)
fails("a list of 2 carries", borel.scan, function() return { 1 } end, { 0, 1 }, 3)
fails("carry 1 is a string", borel.scan, function(c) return c end, "x", 3)
fails("the number of steps is 0", borel.scan, function(c) return c end, 0, 0)
fails("not a whole number", borel.scan, function(c) return c end, 0, 2.5)
fails("unknown option 'revers'; did you mean 'reverse'", borel.scan, function(c) return c end, 0, 3, { revers = true })
fails("reverse is true or false", borel.scan, function(c) return c end, 0, 3, { reverse = 1 })

-- ---- JSON ---------------------------------------------------------------------------------------------------------

local data = core.parse_json '{"n": 3, "y": [1, 2, null], "z": [[1, 2], [3, 4]], "s": ["a", "b"], "r": [[1], [2, 3]], "e": [], "f": [true]}'
assert(data.n == 3 and data.y.dtype == "f64" and data.y[3] ~= data.y[3])
same(data.z, { { 1, 2 }, { 3, 4 } })
same(data.s, { "a", "b" })
same(data.r, { { 1 }, { 2, 3 } })
same(data.e, {})
assert(data.f.dtype == "bool" and core.parse_json("null") == core.missing and core.parse_json('{"a": null}').a == core.missing)
assert(core.to_json { b = 1, a = { 1, 2.5, "x", true } } == '{"a": [1, 2.5, "x", true], "b": 1}')
assert(core.to_json(core.json_list {}) == "[]" and core.to_json {} == "{}" and core.to_json(0 / 0) == "null")
assert(core.to_json(m) == "[[1, 2, 3], [4, 5, 6]]")
fails("invalid JSON", core.parse_json, '{"a": 1,}')
fails("duplicate", core.parse_json, '{"a": 1, "a": 2}')
fails("invalid JSON", core.parse_json, "[NaN]")
fails("invalid JSON", core.parse_json, "[1e400]")
fails("cannot open '/nowhere/x.json': No such file or directory", core.read_json, "/nowhere/x.json")
fails("cannot read '/': Is a directory", core.read_json, "/")
fails("read_json takes a path, got a nil", core.read_json, nil)
fails("parse_json takes a text, got a number", core.parse_json, 3)
fails("no JSON form", core.to_json, print)
fails("a symbolic value has no JSON form", function()
  local graph <close> = core.trace_begin()
  return core.to_json(graph:input({}, "f64"))
end)
fails("must have texts for keys", core.to_json, { 1, a = 2 })
fails("zero byte", core.to_json, { ["a\0b"] = 1 })
fails("UTF%-8", core.to_json, "\xff")
fails("unknown option 'indnt'; did you mean 'indent'", core.to_json, {}, { indnt = 2 })
fails("indent must be a whole number from 0 to 31", core.to_json, {}, { indent = 99 })
local loop = {}
loop.loop = loop
fails("nested too deep", core.to_json, loop)
fails("invalid JSON", core.parse_json, ("["):rep(100000))
fails("nested more than 200 deep", core.parse_json, ("["):rep(300) .. ("]"):rep(300))
fails("invalid JSON", core.parse_json, "[1] 2")
fails("invalid JSON: too big integer", core.parse_json, "123456789012345678901234567890")
assert(core.to_json({ a = { 1, 2 } }, { indent = 2 }) == '{\n  "a": [\n    1,\n    2\n  ]\n}')
local marked = core.parse_json '["a"]'
marked.key = 1
fails("must have texts for keys", core.to_json, marked) -- nothing is dropped in silence

local path = os.tmpname()
local function written(text)
  local out = assert(io.open(path, "wb"))
  out:write(text)
  out:close()
  return path
end
fails(path:gsub("%p", "%%%0") .. ":3:%d+: invalid JSON: ", core.read_json, written '{\n  "a": 1,\n  "b": oops\n}')
fails("invalid JSON", core.read_json, written "")
same(core.read_json(written "[[1, 2], [3, 4.5]]"), { { 1, 2 }, { 3, 4.5 } })
os.remove(path)

-- What is written reads back as it was.
for _, text in ipairs {
  "null", "true", "-3", "0.5", '"a\\u0000b"', "[]", "{}", "[[], {}]", "[1, 2, 3]", "[1.0, 2.5]", "[[[1], [2]], [[3], [4]]]",
  "[true, false]", "[1, null, 2.5]", '[1, "a", null]', "[9223372036854775807, -9223372036854775808]",
  '{"a": [1, [2, 3]], "b": {"c": null}, "d": [{"e": 1}]}', "[9007199254740993]",
} do
  local once = core.to_json(core.parse_json(text))
  assert(core.to_json(core.parse_json(once)) == once, text .. " became " .. once)
  assert(text:find "null, 2.5" or once == text, text .. " became " .. once)
end
for _, number in ipairs { 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2 ^ 53 + 2 } do
  assert(core.parse_json(core.to_json(number)) == number)
end
assert(core.to_json(array { 1.5, 1 / 0, 0 / 0 }) == "[1.5, null, null]")

-- ---- the collector sees buffers --------------------------------------------------------------------------------------

local big = borel.zeros(125000) -- 1 MB
for _ = 1, 4000 do big = big + 1 end
assert(big[1] == 4000)
local function contents(name)
  local file <close> = io.open(name)
  return file and file:read "a" or ""
end
local peak = tonumber(contents "/proc/self/status":match "VmHWM:%s+(%d+)")
local maps = contents "/proc/self/maps" -- sanitizers and valgrind hold freed memory back
if peak and not maps:find "lib[at]san" and not maps:find "valgrind" then
  assert(peak < 100 * 1024, ("4000 temporaries of 1 MB took %d MB"):format(peak // 1024))
end

-- ---- lists of indices along an axis, symbolic rows ------------------------------------------------------------------

do
  local wide = borel.range(1, 12):reshape { 3, 4 }
  local function flat(a) return table.concat(a:reshape { a.size }:totable(), " ") end
  assert(flat(wide[{ ":", borel.array { 4, 1 } }]) == "4 1 8 5 12 9")
  assert(flat(wide[{ borel.array { 3, 1 }, borel.array { 4, 2 } }]) == "12 10 4 2")
  assert(flat(wide[{ borel.array { 3, 3, 1 }, { 2, 3 } }]) == "10 11 10 11 2 3")
  local ok, message = pcall(function() return wide[{ ":", borel.array { 5 } }] end)
  assert(not ok and message:find "index 5 %(at place 1%) is out of range: axis 2 has 4 elements", message)

  -- Rows chosen by an unknown: the trace check compares each of its values with the plain run.
  local rows = borel.array { { 0.2, 0.8 }, { 0.5, 0.5 }, { 0.9, 0.1 } }
  local chosen = borel.model(function()
    local z = borel.sample("z", borel.dist.categorical { 0.2, 0.3, 0.5 })
    local w = borel.sample("w", borel.dist.categorical { 0.5, 0.25, 0.25 }:iid(2))
    borel.observe("y", borel.dist.categorical(rows[z]), 2)
    borel.factor(borel.sum(borel.log(rows[w])))
  end)
  assert(borel.check(chosen).K == 3)
end
