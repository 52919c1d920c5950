-- SPDX-License-Identifier: MIT
-- export.lua RUN OUT NAME...: the draws of these quantities, a line each: name, then chain after chain; and, as the line
-- "leapfrogs", what the kernel says of its steps.
local fit, out = borel.open(arg[1]), assert(io.open(arg[2], "w"))

local function line(name, draws)
  local flat = draws:reshape { 4 * fit.draw_count }:totable()
  for i, x in ipairs(flat) do flat[i] = ("%.17g"):format(x) end
  out:write(name, " ", table.concat(flat, " "), "\n")
end

line("leapfrogs", fit:info "leapfrogs")
line("diverging", fit:info "diverging")
for i = 3, #arg do line(arg[i], fit:draws(arg[i])) end
out:close()
