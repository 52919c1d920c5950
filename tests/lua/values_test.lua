-- SPDX-License-Identifier: MIT
-- Values of the modelling language: arrays, symbolic values, the operations on both, JSON.
local borel = require "borel"
local core = require "borel.core"
local array = borel.array

local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("error %q does not match %q"):format(tostring(message), pattern))
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

-- ---- operations on numbers and arrays ----------------------------------------------------------------------

local x = array { 1.0, 2, 3 }
same(x + 1, { 2, 3, 4 })
same(2 ^ x, { 2, 4, 8 })
same(-x, { -1, -2, -3 })
same(m + array { 10, 20, 30 }, { { 11, 22, 33 }, { 14, 25, 36 } })
same(m * array { { 1 }, { 10 } }, { { 1, 2, 3 }, { 40, 50, 60 } })
assert((m + 1).dtype == "i64" and (m + 1.5).dtype == "f64" and (m / 2).dtype == "f64")
same(x:gt(1.5), { false, true, true })
same(x:gt(1.5) & x:lt(2.5), { false, true, false })
same(x:lt(1.5) | x:gt(2.5), { true, false, true })
same(~x:gt(1.5), { true, false, false })
same(borel.where(x:gt(1.5), x, 0), { 0, 2, 3 })
assert(borel.where(true, 1, 2) == 1 and borel.gt(2, 1) == true)
assert(borel.sum(x) == 6 and borel.mean(x) == 2 and x:maximum() == 3 and borel.dot(x, x) == 14)
assert(borel.sum { 1, 2, 3 } == 6 and borel.sum(5) == 5)
same(borel.sum(m, 1), { 5, 7, 9 })
same(borel.sum(m, 2), { 6, 15 })
same(borel.mean(m, 2), { 2, 5 })
same(borel.cumsum(x), { 1, 3, 6 })
same(borel.stack { x, 4, array { 5.0, 6 } }, { 1, 2, 3, 4, 5, 6 })
assert(borel.stack({ 1, 2 }).dtype == "i64" and borel.stack({ 1, 2.5 }).dtype == "f64")
same(borel.matmul(m, array { 1, 0, 2 }), { 7, 16 })
same(borel.matmul(m, array { { 1, 0 }, { 0, 1 }, { 1, 1 } }), { { 4, 5 }, { 10, 11 } })
assert(math.abs(borel.log_sum_exp(array { 0.0, 0 }) - math.log(2)) < 1e-15)
assert(math.abs(borel.log_sum_exp(1, 1, 1) - (1 + math.log(3))) < 1e-15)
assert(borel.log_sum_exp(-math.huge, -math.huge) == -math.huge)
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
fails("joined", function() return "x" .. x end)

-- ---- symbolic values give what arrays give --------------------------------------------------------------------

-- Evaluates fn on the numbers `at`, once as they are and once through a graph.
local function agree(what, fn, at)
  local plain = fn(array(at, "f64"))
  local flat = type(plain) == "number" and { plain } or plain:to("f64"):reshape { plain.size }:totable()
  -- each element is a term of its own
  local graph <close> = core.trace_begin()
  local again = core.model(graph)
  local v = graph:input({ #at }, "f64")
  again:site("u", v, "u")
  local node = fn(v)
  for i = 1, #flat do
    local element = type(plain) == "number" and node or node:reshape { #flat }[i]
    if element.dtype ~= "f64" then element = borel.where(element, 1.0, 0.0) end
    again:term("element " .. i, element, true)
  end
  same(node.shape, type(plain) == "number" and {} or plain.shape, what)
  core.trace_end(graph)
  again:build("interpreter")
  local terms = again:terms(at, {})
  for i, want in ipairs(flat) do
    assert(terms[i] == want or terms[i] ~= terms[i] and want ~= want,
      ("%s, element %d: %.17g in the graph, %.17g outside"):format(what, i, terms[i], want))
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
  stack = function(v) return borel.stack { v[2], v, 7 } end,
  product = function(v) return borel.matmul(array { { 1.0, 2, 3, 4 }, { 0, 1, 0, 1 } }, v) end,
  reduction = function(v) return borel.log_sum_exp(v) end,
  mixture = function(v) return borel.log_sum_exp(v, 2 * v, v - 1) end,
  scan = function(v) return (borel.scan(function(c, e) return c * 0.5 + e end, 0, v)) end,
  outputs = function(v) return (select(2, borel.scan(function(c, e) return c + e, c * e end, 1.5, v))) end,
} do
  agree(what, fn, at)
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
fails("sequence 2 has 2 elements, the first has 3", borel.scan, function(c) return c end, 0, { x, x:slice(1, 2) })
fails("step must be a function", borel.scan, 1, 0, x)

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
fails("No such file", core.read_json, "/nowhere/x.json")
fails("no JSON form", core.to_json, print)
local loop = {}
loop.loop = loop
fails("nested too deep", core.to_json, loop)
fails("invalid JSON", core.parse_json, ("["):rep(100000))

-- ---- the collector sees buffers --------------------------------------------------------------------------------------

local big = borel.zeros(125000) -- 1 MB
for _ = 1, 4000 do big = big + 1 end
assert(big[1] == 4000)
local file = io.open "/proc/self/status"
if file and not os.getenv "BOREL_SANITIZED" then
  local peak = tonumber(file:read("a"):match "VmHWM:%s+(%d+)")
  assert(peak < 200 * 1024, ("4000 temporaries of 1 MB took %d MB"):format(peak // 1024))
end
