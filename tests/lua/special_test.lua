-- SPDX-License-Identifier: MIT
-- Special functions and their derivatives, through both engines, against mpmath (tests/fixtures/laws says how).
local borel = require "borel"
local core = require "borel.core"

local EPS = 2 ^ -52

-- The gradient of sum f(arguments) with respect to all of them, by one engine.
local function gradients(fn, arguments, engine)
  local traced = borel.model(function()
    local unknowns = {}
    for k, column in ipairs(arguments) do unknowns[k] = borel.sample({ "x", k }, borel.dist.flat():iid(#column)) end
    borel.factor(borel.sum(fn(table.unpack(unknowns))))
  end):trace(nil, engine)
  local u = {}
  for _, column in ipairs(arguments) do
    for _, x in ipairs(column:totable()) do u[#u + 1] = x end
  end
  local _, gradient = traced.target:evaluate(u, {})
  return gradient
end

-- A result is off by the rounding of its arguments (each counts with its derivative) and by that of the terms it is
-- summed from, which are of the size of the result or of 1: ROUNDINGS units each.
local ROUNDINGS = 16
-- The derivatives are formulas in the value, such as exp(log-density - value), so they inherit its absolute error; that of
-- the quantile y is sqrt(2 pi) exp(y^2 / 2), which makes y times as much of it.
-- Student's t with many degrees of freedom loses up to 3000 roundings (special_beta.c).
local lost = { student_t_logcdf = function(nu, x) return nu > 1e3 and math.min(nu / (x * x), 3000) or 0 end }
local growth = { std_normal_quantile = function(y) return math.abs(y) end }

local function close(case, what, i, have, want, allowed)
  local message = "%s, %s, place %d: %.17g, not %.17g (error %.3g, allowed %.3g)"
  assert(math.abs(have - want) <= allowed, message:format(case, what, i, have, want, math.abs(have - want), allowed))
end

for _, case in ipairs(borel.read("../fixtures/laws/special.json").cases) do
  local fn = core[case.name]
  local columns = {}
  for k, column in ipairs(case.arguments) do columns[k] = (column + 0.0) end
  local got = fn(table.unpack(columns))
  local n = #case.value
  local native, interpreted = gradients(fn, columns, "native"), gradients(fn, columns, "interpreter")
  for i = 1, n do
    local size = 1 + math.abs(case.value[i])
    for k = 1, #columns do size = size + math.abs(columns[k][i] * case.derivative[k][i]) end
    size = size + (lost[case.name] and lost[case.name](columns[1][i], columns[2][i]) or 0)
    local slope = 1 + (growth[case.name] and growth[case.name](case.value[i]) or 0)
    close(case.name, "value", i, got[i], case.value[i], ROUNDINGS * EPS * size)
    for k = 1, #columns do
      local want = case.derivative[k][i]
      local have = native[(k - 1) * n + i]
      close(case.name, "derivative " .. k, i, have, want, ROUNDINGS * EPS * (1 + math.abs(want)) * size * slope)
      assert(have == interpreted[(k - 1) * n + i], case.name .. ": engines differ")
    end
  end
end
