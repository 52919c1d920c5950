-- SPDX-License-Identifier: MIT
-- E6: Green's ratio of a move at random pairs of a continuous program, against densities and differences worked out apart.
-- check(name, case, count): a case of moves.lua, at `count` runs of its program.
local borel = require "borel"
local core = require "borel.core"
local unit = require "borel.rep.unit"
local rep = borel.rep

local function values_of(u)
  local values, choices = {}, unit.choices(u)
  for n, address in ipairs(choices.address) do values[address] = choices.value[n] end
  return values
end

-- A world that draws, takes every proposal and notes its log-ratio.
local function noting(seed)
  local w, note = require("borel.rep.world").drawing(core.stream_key(seed, "moves")), {}
  local decision = w.decision
  function w.decision(self, role, lane)
    if role ~= "accept" then return decision(self, role, lane) end
    return { accept = function(_, log_ratio)
      note.log_ratio = log_ratio
      return true
    end }
  end
  return w, note
end

-- The derivative of f along axis k at x, extrapolated from central differences (Ridders).
local function slope(f, x, k, i)
  local function difference(h)
    local a, b = { table.unpack(x) }, { table.unpack(x) }
    a[k], b[k] = a[k] + h, b[k] - h
    return (f(a)[i] - f(b)[i]) / (2 * h)
  end
  local h = 1e-2
  local d0, d1, d2 = difference(h), difference(h / 2), difference(h / 4)
  local e1, e2 = (4 * d1 - d0) / 3, (4 * d2 - d1) / 3
  return (16 * e2 - e1) / 15
end

local function log_abs_determinant(m)
  local n = #m
  if n == 0 then return 0 end
  if n == 1 then return math.log(math.abs(m[1][1])) end
  if n == 2 then return math.log(math.abs(m[1][1] * m[2][2] - m[1][2] * m[2][1])) end
  local sum = 0
  for j = 1, 3 do
    local a, b = j % 3 + 1, (j + 1) % 3 + 1
    sum = sum + m[1][j] * (m[2][a] * m[3][b] - m[2][b] * m[3][a])
  end
  return math.log(math.abs(sum))
end

local function log_jacobian(f, at)
  local jacobian = {}
  for i = 1, #at do
    jacobian[i] = {}
    for k = 1, #at do jacobian[i][k] = slope(f, at, k, i) end
  end
  return log_abs_determinant(jacobian)
end

local function check(name, case, count)
  local moved = 0
  for seed = 1, count do
    local w, note = noting(seed)
    local u = rep.run(rep.finish(), case.model, seed).units[1]
    case.v = nil
    local y = case.block.apply({ units = { u }, log_weights = { 0 }, level = math.huge }, w).units[1]
    if note.log_ratio and y ~= u then
      moved = moved + 1
      local x_values, y_values = values_of(u), values_of(y)
      local want = rep.density(case.model, y_values) - rep.density(case.model, x_values)
        + rep.density(case.auxiliary, case.back, y_values) - rep.density(case.auxiliary, case.v, x_values)
        + log_jacobian(case.flat(x_values, case.v))
      assert(math.abs(note.log_ratio - want) <= 1e-6 * math.max(1, math.abs(want)),
        ("%s: log-ratio %.12g, not %.12g"):format(name, note.log_ratio, want))
    end
  end
  assert(moved >= 0.3 * count, ("%s: only %d pairs"):format(name, moved))
end

return { check = check, noting = noting }
