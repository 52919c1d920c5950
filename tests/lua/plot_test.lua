-- SPDX-License-Identifier: MIT
-- Pictures: each function writes a file of its kind that holds what was asked for, and says what it cannot draw.
local borel = require "borel"
local core = require "borel.core"
local plot = borel.plot

local base = os.tmpname()
local function path(extension) return base .. "." .. extension end

local function fails(part, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok and tostring(message):find(part, 1, true), tostring(message))
end

local x = core.array { { 0, 1 }, { 2, 3 }, { 4, -5 } }
local drawn, message = pcall(plot.scatter, path "png", x)
if not drawn and message:find "built without Cairo" then os.exit(77) end
assert(drawn, message)

local function read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read "a"
  file:close()
  os.remove(name)
  return text
end

-- A PNG says its size in bytes 17 to 24: two pixels for a point.
local png = read(path "png")
assert(png:sub(1, 8) == "\137PNG\r\n\26\n")
local width, height = string.unpack(">I4I4", png, 17)
assert(width == 960 and height == 720)

local function count(text, part)
  local n = 0
  for _ in text:gmatch(part) do n = n + 1 end
  return n
end

-- Every disc of a scatter is a filled path in an SVG; 20 points more are 20 paths more.
local function paths_of(n)
  local rows = {}
  for i = 1, n do rows[i] = { i, i * i % 7 } end
  plot.scatter(path "svg", rows, { xlim = { 0, 50 }, ylim = { 0, 8 } })
  return count(read(path "svg"), '<path style=" stroke:none;')
end
assert(paths_of(40) - paths_of(20) == 20)

plot.lines(path "svg", { a = { x = { 1, 10, 100 }, y = { 1, .1, .01 } },
  b = { x = { 1, 100 }, y = { 2, 3 }, low = { 1, 1 }, high = { 4, 5 } } },
  { xlog = true, ylog = true, title = "T", xlabel = "n", ylabel = "e" })
assert(#read(path "svg") > 5000)
plot.lines(path "svg", { x = { 1, 2, 3 }, y = { 1, 0 / 0, 3 } }) -- a gap is no error
plot.density(path "svg", { a = { 1, 2, 3, 4, 5 }, b = core.array { 2, 2, 3 } })
plot.density(path "svg", { 1, 1, 1 }) -- all the same
plot.trajectories(path "svg", core.array { { { 0, 0 }, { 1, 1 } }, { { 2, 0 }, { 1, 3 } } })
plot.heatmap(path "svg", x, { cells = 10 })
plot.heatmap(path "svg", function(a, b) return a * b end, { xlim = { 0, 1 }, ylim = { 0, 1 }, cells = 4, equal = true })
os.remove(path "svg")

fails("is a .png or .svg file", plot.scatter, path "gif", x)
fails("samples are [n, 2]", plot.scatter, path "png", { { 1 }, { 2 } })
fails("needs numbers above 0", plot.lines, path "png", { x = { 1, 2 }, y = { 1, 2 } }, { ylog = true, ylim = { -1, 1 } })
fails("nothing finite", plot.lines, path "png", { x = { 1, 2 }, y = { -1, -2 } }, { ylog = true })
fails("nothing to draw", plot.scatter, path "png", {})
fails("2 x and 3 y", plot.lines, path "png", { a = { x = { 1, 2 }, y = { 1, 2, 3 } } })
fails("did you mean 'title'?", plot.scatter, path "png", x, { titel = "" })
fails("needs xlim and ylim", plot.heatmap, path "png", print)
fails("needs [levels, n, 2]", plot.trajectories, path "png", x)
fails("'width' is 1", plot.scatter, path "png", x, { width = 1 })
fails("no/such/folder", plot.scatter, "no/such/folder/x.png", x)
os.remove(base)
print "ok"
