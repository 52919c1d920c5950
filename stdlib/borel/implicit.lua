-- SPDX-License-Identifier: MIT
--- Values that are given by an equation: the x with fn(x, parameters) = 0.
-- A damped Newton iteration (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 11.4: halve the step
-- until the residual shrinks) finds x, and derivatives do not pass through it. Two more Newton steps, which are
-- differentiated, then change x by no more than rounding and carry its derivatives: with f = 0 the derivative of
-- x - J^-1 f is -J^-1 df/dp, as the implicit function theorem says, and like the error of Newton's method the
-- order to which derivatives are right doubles with each step: the first to the third are, after two.
local core = require "borel.core"
local loop = require "borel.loop"

local implicit = {}

local MOST_UNKNOWNS, MOST_STEPS = 32, 100
local CLOSE, SMALLEST = 1e-9, 1e-10 -- a last Newton step of this size leaves its square; the shortest damped step
local DECREASE = 1e-4

local function is_list(value) return type(value) == "table" and getmetatable(value) == nil end

-- A number or list of numbers as a vector.
local function as_vector(value)
  if is_list(value) then return core.stack(value) end
  if type(value) == "number" or value.rank == 0 then return core.stack { value } end
  return value
end

local function size(v) return core.maximum(core.abs(v)) end

local function residual_of(fn, scalar, n, params)
  return function(x)
    local f = fn(scalar and x[1] or x, table.unpack(params, 1, params.n))
    if f == nil then core.error("implicit: the function returns nothing") end
    f = as_vector(f)
    if f.rank ~= 1 or f.size ~= n then
      core.error(("implicit: %d unknowns need %d equations, the function returns shape [%s]"):format(n, n, table.concat(f.shape, ", ")))
    end
    return f
  end
end

--- borel.implicit(fn, guess, ...): the x near `guess` with fn(x, ...) = 0. x is a number, or a vector of up to 32
-- unknowns (then fn returns as many values, as a vector or a list). Where the iteration does not converge - a
-- singular Jacobian, no zero near the guess, more than 100 steps - x is NaN, and so the density is 0.
function implicit.solve(fn, guess, ...)
  if type(fn) ~= "function" then core.error("implicit: the first argument must be a function, got a " .. type(fn)) end
  if type(guess) ~= "number" and not is_list(guess) and not core.is_array(guess) and not core.is_symbolic(guess) then
    core.error("implicit: the guess must be a number or a vector, got a " .. type(guess))
  end
  local scalar = type(guess) == "number" or not is_list(guess) and guess.rank == 0
  local start = as_vector(guess) * 1.0
  local n = start.size
  if start.rank ~= 1 or n > MOST_UNKNOWNS then
    core.error(("implicit: the guess has shape [%s]; a number or up to %d numbers are possible"):format(table.concat(start.shape, ", "),
      MOST_UNKNOWNS))
  end
  local residual, units = residual_of(fn, scalar, n, table.pack(...)), {}
  for i = 1, n do
    local unit = {}
    for k = 1, n do unit[k] = k == i and 1.0 or 0.0 end
    units[i] = core.array(unit)
  end
  -- The residual and Newton's step, which is to be subtracted.
  local function newton(x)
    local f, columns = nil, {}
    for i = 1, n do f, columns[i] = core.jvp(residual, { x }, { units[i] }) end
    return f, core.solve(core.stack(columns):reshape { n, n }, f, { transposed = true })
  end

  local function far(x, step) return core.gt(size(step), CLOSE * (1 + size(x))) end
  local f, step = newton(start)
  local last = loop.while_loop(function(c) return core.logical_and(far(c[1], c[2]), core.gt(c[4], SMALLEST)) end, function(c)
    local trial = c[1] - c[4] * c[2]
    local f_trial, next_step = newton(trial)
    local norm = size(f_trial)
    local better = core.lt(norm, (1 - DECREASE * c[4]) * c[3])
    return { core.where(better, trial, c[1]), core.where(better, next_step, c[2]), core.where(better, norm, c[3]),
      core.where(better, 1, c[4] / 2) }
  end, { start, step, size(f), 1.0 }, { most = MOST_STEPS })
  -- Written so that a step which is not a number counts as no convergence.
  local x = core.where(core.le(size(last[2]), CLOSE * (1 + size(last[1]))), last[1], 0 / 0)
  x = core.stop_gradient(x)
  for _ = 1, 2 do
    local _, more = newton(x)
    x = x - more
  end
  return scalar and x[1] or x
end

return implicit
