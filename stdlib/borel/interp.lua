-- SPDX-License-Identifier: MIT
--- Interpolation through known knots: borel.interp(x, xs, ys [, { method =, extrapolate = }]).
local core = require "borel.core"
local options = require "borel.options"
local shapes = require "borel.shape"

local function value_of(what, x)
  if type(x) == "table" and getmetatable(x) == nil then x = core.array(x) end
  if type(x) ~= "number" and not core.is_array(x) and not core.is_symbolic(x) then
    core.error(("interp: %s is a %s, must be an array or a value of the model"):format(what, type(x)))
  end
  return x
end

-- The knots as a list of numbers.
local function knots(xs)
  if core.is_symbolic(xs) or #shapes.of(xs) ~= 1 or #xs < 2 then
    core.error("interp: the knots xs must be a known vector of at least 2 elements")
  end
  local at = xs:totable()
  for k = 1, #at do
    if at[k] - at[k] ~= 0 or k > 1 and at[k] <= at[k - 1] then
      core.error(("interp: the knots xs must increase and be finite, element %d does not"):format(k))
    end
  end
  return at
end

-- ---- slopes at the knots ------------------------------------------------------------------------------------

-- h [n - 1] widths; steep [n - 1] slopes of the chords.

-- Natural cubic spline: the second derivative is continuous, and 0 at both ends. A tridiagonal system whose matrix is known.
local function spline_slopes(at, h, steep)
  local n, rows = #at, {}
  for k = 1, n do
    rows[k] = {}
    for j = 1, n do rows[k][j] = 0.0 end
  end
  rows[1][1], rows[1][2], rows[n][n - 1], rows[n][n] = 2.0, 1.0, 1.0, 2.0
  for k = 2, n - 1 do
    rows[k][k - 1], rows[k][k], rows[k][k + 1] = h[k], 2 * (h[k - 1] + h[k]), h[k - 1]
  end
  local right = { 3 * steep[1] }
  if n > 2 then
    local left_width, right_width = h:slice(1, n - 2), h:slice(2, n - 1)
    right[2] = 3 * (right_width * steep:slice(1, n - 2) + left_width * steep:slice(2, n - 1))
  end
  right[#right + 1] = 3 * steep[n - 1]
  return core.solve(core.array(rows), core.stack(right))
end

-- The end slope of a monotone interpolant from the two nearest chords, near and next (Moler 2004, Numerical Computing
-- with MATLAB, section 3.6): of three points, but of the sign of the chord and at most 3 times it.
local function end_slope(h1, h2, near, next_one)
  local slope = ((2 * h1 + h2) * near - h1 * next_one) / (h1 + h2)
  local turned = core.le(slope * near, 0)
  local steep = core.logical_and(core.le(near * next_one, 0), core.gt(core.abs(slope), 3 * core.abs(near)))
  return core.where(turned, 0.0, core.where(steep, 3 * near, slope))
end

-- Fritsch and Butland 1984, SIAM Journal on Scientific and Statistical Computing 5: a weighted harmonic mean of the two
-- chords, 0 where they differ in sign. Monotone data make a monotone curve.
local function pchip_slopes(at, h, steep)
  local n = #at
  if n == 2 then return core.stack { steep[1], steep[1] } end
  local h1, h2, s1, s2 = h:slice(1, n - 2), h:slice(2, n - 1), steep:slice(1, n - 2), steep:slice(2, n - 1)
  local along = core.gt(s1 * s2, 0)
  local w1, w2 = 2 * h2 + h1, h2 + 2 * h1
  local mean = (w1 + w2) / (w1 / core.where(along, s1, 1) + w2 / core.where(along, s2, 1))
  return core.stack { end_slope(h[1], h[2], steep[1], steep[2]), core.where(along, mean, 0),
    end_slope(h[n - 1], h[n - 2], steep[n - 1], steep[n - 2]) }
end

-- ---- pieces ----------------------------------------------------------------------------------------------------

-- The curve of one piece at t from 0 to 1 over its height at 0. `d` is nil for straight lines, else the slopes times the
-- width, at 0 and 1 (Hermite's cubic).
local function rise(t, height, d)
  if not d then return t * height end
  local u = 1 - t
  return t * t * (3 - 2 * t) * height + t * u * (u * d[1] - t * d[2])
end

-- Number of the piece that each known x lies in.
local function piece_of(at, x)
  local low, high = 1, #at - 1
  while low < high do
    local middle = (low + high + 1) // 2
    if x >= at[middle] then low = middle else high = middle - 1 end
  end
  return low
end

local function among_known(x, at, xs, ys, parts)
  local index = {}
  for i, value in ipairs(shapes.flat(x)) do index[i] = piece_of(at, value) end
  index = core.array(index)
  local flat = x:reshape { x.size }
  local inside = core.max(core.min(flat, at[#at]), at[1])
  local t = (inside - xs[index]) / parts.h[index]
  local d = parts.left and { parts.left[index], parts.right[index] }
  return ys[index] + rise(t, parts.height[index], d)
end

-- For x known only when the model runs: every piece adds what it has risen by x, all of it where x is beyond.
local function among_symbolic(x, at, xs, ys, parts)
  local n = #at
  local flat = x:reshape { x.size, 1 }
  local t = core.max(core.min((flat - xs:slice(1, n - 1)) / parts.h, 1), 0)
  return ys[1] + core.sum(rise(t, parts.height, parts.left and { parts.left, parts.right }), 2)
end

local METHODS = { linear = false, pchip = pchip_slopes, spline = spline_slopes }

--- borel.interp(x, xs, ys, options): the curve through the points (xs_k, ys_k) at x, with its shape; xs is a known
-- increasing vector, x and ys may be symbolic, and the result has derivatives in both. Options:
--   method       "linear" (default), "pchip" (monotone cubic), "spline" (natural cubic)
--   extrapolate  beyond the knots: "error" (default; NaN where x is symbolic, so that the point is refused),
--                "constant", "linear" (on along the slope at the end)
return function(x, xs, ys, given)
  local o = options.check("interp", given, {
    method = { type = "string", default = "linear", choices = { "linear", "pchip", "spline" } },
    extrapolate = { type = "string", default = "error", choices = { "error", "constant", "linear" } },
  })
  x, xs, ys = value_of("x", x), value_of("xs", xs), value_of("ys", ys)
  local at, shape = knots(xs), shapes.of(x)
  local n = #at
  if #shapes.of(ys) ~= 1 or #ys ~= n then
    core.error(("interp: ys has shape %s, must be [%d], one for each knot"):format(shapes.text(shapes.of(ys)), n))
  end
  xs = xs:to "f64"
  if type(x) == "number" then x = core.array { x } end
  local h = xs:slice(2, n) - xs:slice(1, n - 1)
  local parts = { h = h, height = ys:slice(2, n) - ys:slice(1, n - 1) }
  local steep = parts.height / h
  local slopes = METHODS[o.method] and METHODS[o.method](at, h, steep)
  if slopes then parts.left, parts.right = slopes:slice(1, n - 1) * h, slopes:slice(2, n) * h end

  local symbolic = core.is_symbolic(x)
  local y = (symbolic and among_symbolic or among_known)(x, at, xs, ys, parts)
  local flat = x:reshape { x.size }
  if o.extrapolate == "linear" then
    local first, last = slopes and slopes[1] or steep[1], slopes and slopes[n] or steep[n - 1]
    y = y + core.min(flat - at[1], 0) * first + core.max(flat - at[n], 0) * last
  elseif o.extrapolate == "error" then
    local inside = core.logical_and(core.ge(flat, at[1]), core.le(flat, at[n]))
    if symbolic then
      y = core.where(inside, y, 0 / 0)
    elseif not shapes.all_true(inside) then
      local all = shapes.flat(x)
      for i, value in ipairs(all) do
        if not (value >= at[1] and value <= at[n]) then
          core.error(("interp: x is %g (element %d), the knots go from %g to %g; %s"):format(value, i, at[1], at[n],
            "extrapolate = 'constant' or 'linear' goes beyond them"))
        end
      end
    end
  end
  if #shape == 0 then return y[1] end
  return y:reshape(shape)
end
