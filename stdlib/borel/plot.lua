-- SPDX-License-Identifier: MIT
--- borel.plot: pictures by one call, as PNG or SVG by the name of the file. Every function takes the path, what to draw, and
-- options that all have: title, xlabel, ylabel, width, height (points), xlog, ylog, xlim = { low, high }, ylim, equal (one unit
-- is as long on both axes), legend (true, or false).
--
--   borel.plot.scatter("x.png", { draws = x, truth = y })        samples [n, 2] by name
--   borel.plot.lines("error.svg", { ddim = { x = nfe, y = error } }, { xlog = true, ylog = true })
--   borel.plot.density("mu.png", { prior = a, posterior = b })   smoothed densities of samples [n]
--   borel.plot.trajectories("way.png", trajectory)               [levels, n, 2]
--   borel.plot.heatmap("law.png", function(x, y) return ... end, { xlim = { -3, 3 }, ylim = { -3, 3 } })
local core = require "borel.core"
local options = require "borel.options"

local plot = {}

-- Colours that people with any colour vision tell apart (Okabe and Ito 2008), darkest first.
local COLOURS = { { 0, .447, .698 }, { .835, .369, 0 }, { 0, .62, .451 }, { .8, .475, .655 }, { .902, .624, 0 }, { .337, .706, .914 },
  { .35, .35, .35 }, { .6, .3, .1 } }
local INK, GRID = { .15, .15, .15 }, { .9, .9, .9 }
local SMALL, NORMAL, LARGE = 9, 10, 12

-- ---- scales ----------------------------------------------------------------------------------------------------------

local function log10(v) return math.log(v) / math.log(10) end

-- Round numbers from low to high, about `wanted` of them.
local function linear_ticks(low, high, wanted)
  local raw = (high - low) / wanted
  local power = 10 ^ math.floor(log10(raw))
  local step = power * (raw / power < 1.5 and 1 or raw / power < 3.5 and 2 or raw / power < 7.5 and 5 or 10)
  local ticks, places = {}, math.max(0, math.min(12, -math.floor(log10(step) + 1e-9)))
  for k = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) do
    ticks[#ticks + 1] = { at = k * step, text = ("%." .. places .. "f"):format(k * step) }
  end
  if math.max(math.abs(low), math.abs(high)) >= 1e6 then
    for _, tick in ipairs(ticks) do tick.text = ("%g"):format(tick.at) end
  end
  return ticks
end

local function log_ticks(low, high)
  local ticks, first, last = {}, math.floor(log10(low) + 1e-9), math.ceil(log10(high) - 1e-9)
  local every = math.max(1, math.ceil((last - first) / 8))
  local inner = last - first <= 2 and { 1, 2, 5 } or { 1 }
  for e = first, last, every do
    for _, m in ipairs(inner) do
      local v = m * 10.0 ^ e
      if v >= low * (1 - 1e-9) and v <= high * (1 + 1e-9) then
        ticks[#ticks + 1] = { at = v, text = (e >= -3 and e <= 4) and ("%g"):format(v) or ("%ge%d"):format(m, e) }
      end
    end
  end
  return ticks
end

-- { low, high, log, place(v) from 0 to 1, ticks }
local function scale_of(low, high, log, fixed, wanted)
  if log and low <= 0 then core.error "plot: a logarithmic axis needs numbers above 0" end
  local f = log and log10 or function(v) return v end
  local a, b = f(low), f(high)
  if a == b then a, b = a - (log and .5 or math.max(.5, math.abs(a) * .05)), b + (log and .5 or math.max(.5, math.abs(b) * .05)) end
  local margin = fixed and 0 or .04 * (b - a)
  a, b = a - margin, b + margin
  local scale = { a = a, b = b, log = log }
  function scale.place(v) return log and v <= 0 and -math.huge or (f(v) - a) / (b - a) end
  scale.ticks = log and log_ticks(10.0 ^ a, 10.0 ^ b) or linear_ticks(a, b, wanted)
  return scale
end

-- ---- a chart -----------------------------------------------------------------------------------------------------------

local common = { title = { type = "string" }, xlabel = { type = "string" }, ylabel = { type = "string" },
  width = { type = "number", min = 100, max = 5000, default = 480 }, height = { type = "number", min = 80, max = 5000, default = 360 },
  xlog = { type = "boolean", default = false }, ylog = { type = "boolean", default = false }, xlim = { type = "table" },
  ylim = { type = "table" }, equal = { type = "boolean", default = false }, legend = { type = "boolean", default = true } }

local function settings(what, given, own)
  local known = {}
  for name, rule in pairs(common) do known[name] = rule end
  for name, rule in pairs(own or {}) do known[name] = rule end
  return options.check("plot." .. what, given, known)
end

-- Lowest and highest finite number of vectors.
local function range(vectors, log)
  local low, high = math.huge, -math.huge
  for _, v in ipairs(vectors) do
    for i = 1, #v do
      local x = v[i]
      if x - x == 0 and (not log or x > 0) then low, high = math.min(low, x), math.max(high, x) end
    end
  end
  if low > high then core.error "plot: there is nothing finite to draw" end
  return low, high
end

local Chart = {}
Chart.__index = Chart

-- A chart whose axes hold the vectors xs and ys.
local function chart(path, s, xs, ys, names)
  local c = core.canvas(path, s.width, s.height)
  local self = setmetatable({ canvas = c, s = s, names = names or {} }, Chart)
  local xl, xh = range(xs, s.xlog)
  local yl, yh = range(ys, s.ylog)
  if s.xlim then xl, xh = s.xlim[1], s.xlim[2] end
  if s.ylim then yl, yh = s.ylim[1], s.ylim[2] end
  self.y = scale_of(yl, yh, s.ylog, s.ylim, math.max(2, s.height / 60))
  self.x = scale_of(xl, xh, s.xlog, s.xlim, math.max(2, s.width / 80))
  local widest = 0
  for _, tick in ipairs(self.y.ticks) do widest = math.max(widest, (c:extent(tick.text, SMALL))) end
  self.left, self.top = 12 + widest + (s.ylabel and 18 or 4), s.title and 30 or 12
  self.w, self.h = s.width - self.left - 14, s.height - self.top - (s.xlabel and 42 or 26)
  if s.equal then self:level() end
  self:frame()
  return self
end

-- One unit is as long on both axes: the axis that has room to spare shows more.
function Chart:level()
  local x, y = self.x, self.y
  local unit_x, unit_y = self.w / (x.b - x.a), self.h / (y.b - y.a)
  if unit_x > unit_y then
    local half = self.w / unit_y / 2
    local middle = (x.a + x.b) / 2
    self.x = scale_of(middle - half, middle + half, false, true, math.max(2, self.s.width / 80))
  else
    local half = self.h / unit_x / 2
    local middle = (y.a + y.b) / 2
    self.y = scale_of(middle - half, middle + half, false, true, math.max(2, self.s.height / 60))
  end
end

function Chart:at_x(v) return self.left + self.x.place(v) * self.w end
function Chart:at_y(v) return self.top + (1 - self.y.place(v)) * self.h end

function Chart:frame()
  local c, s = self.canvas, self.s
  c:colour(table.unpack(GRID))
  for _, tick in ipairs(self.x.ticks) do c:line({ self:at_x(tick.at), self:at_x(tick.at) }, { self.top, self.top + self.h }, .8) end
  for _, tick in ipairs(self.y.ticks) do c:line({ self.left, self.left + self.w }, { self:at_y(tick.at), self:at_y(tick.at) }, .8) end
  c:colour(table.unpack(INK))
  for _, tick in ipairs(self.x.ticks) do c:text(self:at_x(tick.at), self.top + self.h + 6, tick.text, SMALL, .5, 0) end
  for _, tick in ipairs(self.y.ticks) do c:text(self.left - 6, self:at_y(tick.at), tick.text, SMALL, 1, .5) end
  if s.title then c:text(self.left + self.w / 2, 10, s.title, LARGE, .5, 0) end
  if s.xlabel then c:text(self.left + self.w / 2, s.height - 10, s.xlabel, NORMAL, .5, 1) end
  if s.ylabel then c:text(8, self.top + self.h / 2, s.ylabel, NORMAL, .5, 0, true) end
  c:clip(self.left, self.top, self.w, self.h)
end

-- Places on the canvas of vectors.
function Chart:places(xs, ys)
  local px, py = {}, {}
  for i = 1, #xs do px[i], py[i] = self:at_x(xs[i]), self:at_y(ys[i]) end
  return px, py
end

-- The legend in the corner where `points` (on the canvas) are fewest, then the file.
function Chart:finish(points)
  local c = self.canvas
  c:unclip()
  c:colour(table.unpack(INK))
  c:line({ self.left, self.left, self.left + self.w }, { self.top, self.top + self.h, self.top + self.h }, 1)
  if #self.names > 1 and self.s.legend then self:put_legend(points or {}) end
  c:finish()
end

function Chart:put_legend(points)
  local c, widest, line = self.canvas, 0, 14
  for _, name in ipairs(self.names) do widest = math.max(widest, (c:extent(name, SMALL))) end
  local w, h, best, place = widest + 34, line * #self.names + 8, math.huge, nil
  for _, corner in ipairs { { 1, 0 }, { 0, 0 }, { 1, 1 }, { 0, 1 } } do
    local x, y = self.left + 6 + corner[1] * (self.w - w - 12), self.top + 6 + corner[2] * (self.h - h - 12)
    local inside = 0
    for _, p in ipairs(points) do
      for i = 1, #p[1] do
        if p[1][i] > x and p[1][i] < x + w and p[2][i] > y and p[2][i] < y + h then inside = inside + 1 end
      end
    end
    if inside < best then best, place = inside, { x, y } end
  end
  c:colour(1, 1, 1, .85)
  c:box(place[1], place[2], w, h)
  for k, name in ipairs(self.names) do
    local y = place[2] + 4 + line * (k - .5)
    self:ink(k)
    c:line({ place[1] + 6, place[1] + 24 }, { y, y }, 2.5)
    c:colour(table.unpack(INK))
    c:text(place[1] + 28, y, name, SMALL, 0, .5)
  end
end

function Chart:ink(k, alpha)
  local colour = COLOURS[(k - 1) % #COLOURS + 1]
  self.canvas:colour(colour[1], colour[2], colour[3], alpha or 1)
end

-- ---- what is drawn -------------------------------------------------------------------------------------------------------

-- Series by name, in order: a table of named ones, or a single one without a name.
local function named(series, single)
  if single(series) then return { series }, { "" } end
  local names, list = {}, {}
  for name in pairs(series) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for k, name in ipairs(names) do
    list[k], names[k] = series[name], tostring(name)
  end
  if #list == 0 then core.error "plot: there is nothing to draw" end
  return list, names
end

local function columns(what, x)
  x = core.array(x, "f64")
  if #x.shape ~= 2 or x.shape[2] < 2 then core.error(("plot.%s: samples are [n, 2], got another shape"):format(what)) end
  return x[{ ":", 1 }], x[{ ":", 2 }]
end

--- Samples [n, 2] (further columns are left out), one or several by name. Option size: radius of a point.
function plot.scatter(path, series, given)
  local s = settings("scatter", given, { size = { type = "number", min = .1, default = 1.6 } })
  local list, names = named(series, function(v) return core.is_array(v) or type(v[1]) == "table" end)
  local xs, ys, points = {}, {}, {}
  for k, x in ipairs(list) do xs[k], ys[k] = columns("scatter", x) end
  local c = chart(path, s, xs, ys, names)
  for k = 1, #xs do
    local px, py = c:places(xs[k], ys[k])
    c:ink(k, #px > 2000 and .35 or .6)
    c.canvas:points(px, py, s.size)
    points[k] = { px, py }
  end
  c:finish(points)
end

--- Lines through points: { name = { x = , y = } } with lists or vectors; low and high beside y shade a band. Option points: discs at
-- the points.
function plot.lines(path, series, given)
  local s = settings("lines", given, { points = { type = "boolean", default = true } })
  local list, names = named(series, function(v) return v.x ~= nil and v.y ~= nil end)
  local xs, ys, points = {}, {}, {}
  for k, one in ipairs(list) do
    xs[#xs + 1], ys[#ys + 1] = one.x, one.y
    if one.low then xs[#xs + 1], ys[#ys + 1], xs[#xs + 2], ys[#ys + 2] = one.x, one.low, one.x, one.high end
    if #one.x ~= #one.y then core.error(("plot.lines: '%s' has %d x and %d y"):format(names[k], #one.x, #one.y)) end
  end
  local c = chart(path, s, xs, ys, names)
  for k, one in ipairs(list) do
    if one.low then
      local px, low = c:places(one.x, one.low)
      local _, high = c:places(one.x, one.high)
      for i = #one.x, 1, -1 do px[#px + 1], low[#low + 1] = px[i], high[i] end
      c:ink(k, .2)
      c.canvas:area(px, low)
    end
    local px, py = c:places(one.x, one.y)
    c:ink(k)
    c.canvas:line(px, py, 1.8)
    if s.points then c.canvas:points(px, py, 2.4) end
    points[k] = { px, py }
  end
  c:finish(points)
end

-- A Gaussian kernel estimate on 256 places; bandwidth by Silverman's rule (1986, eq. 3.31).
local function smoothed(x)
  x = core.array(x, "f64")
  local n = 1
  for _, extent in ipairs(x.shape) do n = n * extent end
  x = core.sort(x:reshape { n })
  local spread = math.min(x:sd(), (x[math.ceil(.75 * n)] - x[math.max(1, math.floor(.25 * n))]) / 1.34)
  local h = .9 * (spread > 0 and spread or 1) * n ^ -.2
  local at, value = {}, {}
  for i = 1, 256 do
    at[i] = x[1] - 3 * h + (x[n] - x[1] + 6 * h) * (i - 1) / 255
    value[i] = core.exp(((x - at[i]) * (1 / h)) ^ 2 * -.5):sum() / (n * h * math.sqrt(2 * math.pi))
  end
  return { x = at, y = value }
end

--- Smoothed densities of samples [n], one or several by name.
function plot.density(path, series, given)
  local list, names = named(series, function(v) return core.is_array(v) or type(v[1]) == "number" end)
  local lines = {}
  for k, x in ipairs(list) do lines[names[k]] = smoothed(x) end
  local s = {}
  for name, value in pairs(given or {}) do s[name] = value end
  s.points, s.ylabel = false, s.ylabel or "density"
  plot.lines(path, lines, s)
end

--- Ways of samples, [levels, n, 2]: a line for each, a disc where it ends. Option most: ways that are drawn.
function plot.trajectories(path, trajectory, given)
  local s = settings("trajectories", given, { most = { type = "number", integer = true, min = 1, default = 200 } })
  trajectory = core.array(trajectory, "f64")
  local shape = trajectory.shape
  if #shape ~= 3 or shape[3] < 2 then core.error "plot.trajectories: needs [levels, n, 2]" end
  local xs, ys = {}, {}
  for i = 1, math.min(shape[2], s.most) do xs[i], ys[i] = trajectory[{ ":", i, 1 }], trajectory[{ ":", i, 2 }] end
  local c = chart(path, s, xs, ys)
  for i = 1, #xs do
    local px, py = c:places(xs[i], ys[i])
    c:ink(1, .35)
    c.canvas:line(px, py, .8)
    c:ink(2, .9)
    c.canvas:points({ px[#px] }, { py[#py] }, 1.8)
  end
  c:finish()
end

-- From white to the first colour, darker beyond.
local function shade(c, share)
  local to = COLOURS[1]
  local u, v = math.min(1, share * 1.4), math.max(0, share * 1.4 - 1)
  c:colour((1 + u * (to[1] - 1)) * (1 - .7 * v), (1 + u * (to[2] - 1)) * (1 - .7 * v), (1 + u * (to[3] - 1)) * (1 - .7 * v))
end

--- A function of two numbers, or samples [n, 2] counted in cells, as shades; options xlim and ylim (for a function), cells = 100.
function plot.heatmap(path, law, given)
  local s = settings("heatmap", given, { cells = { type = "number", integer = true, min = 2, max = 1000, default = 100 } })
  local xs, ys
  if type(law) == "function" then
    if not (s.xlim and s.ylim) then core.error "plot.heatmap: a function needs xlim and ylim" end
    xs, ys = { s.xlim }, { s.ylim }
  else
    local first, second = columns("heatmap", law)
    xs, ys = { first }, { second }
    local a, b = range(xs)
    s.xlim = s.xlim or { a, b }
    a, b = range(ys)
    s.ylim = s.ylim or { a, b }
  end
  local n, cells, highest = s.cells, {}, 0
  local w, h = (s.xlim[2] - s.xlim[1]) / n, (s.ylim[2] - s.ylim[1]) / n
  for k = 0, n * n - 1 do cells[k] = 0 end
  if type(law) == "function" then
    for k = 0, n * n - 1 do cells[k] = law(s.xlim[1] + (k % n + .5) * w, s.ylim[1] + (k // n + .5) * h) end
  else
    for i = 1, #xs[1] do
      local a, b = math.floor((xs[1][i] - s.xlim[1]) / w), math.floor((ys[1][i] - s.ylim[1]) / h)
      if a >= 0 and a < n and b >= 0 and b < n then cells[b * n + a] = cells[b * n + a] + 1 end
    end
  end
  for k = 0, n * n - 1 do
    if cells[k] - cells[k] == 0 then highest = math.max(highest, cells[k]) end
  end
  local c = chart(path, s, { s.xlim }, { s.ylim })
  for k = 0, n * n - 1 do
    if cells[k] > 0 then
      local x, y = c:at_x(s.xlim[1] + (k % n) * w), c:at_y(s.ylim[1] + (k // n + 1) * h)
      shade(c.canvas, cells[k] / highest)
      c.canvas:box(x, y, c.w / n + .3, c.h / n + .3)
    end
  end
  c:finish()
end

return plot
