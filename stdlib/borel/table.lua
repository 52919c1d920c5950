-- SPDX-License-Identifier: MIT
--- Tables of values as text: what fit:summary and simulation:summary print.
local core = require "borel.core"
local options = require "borel.options"

local tables = {}

--- Four significant digits, in a width that does not jump: 1.234, 0.01234, 12.34, 123.4, 1.234e+06.
function tables.number(x)
  if x ~= x then return "-" end
  if x == 0 then return "0" end
  if x - x ~= 0 then return x > 0 and "inf" or "-inf" end
  local size = math.abs(x)
  if size >= 1e6 or size < 1e-4 then return ("%.3e"):format(x) end
  local digits = math.max(0, 3 - math.floor(math.log(size, 10)))
  return ("%." .. math.min(digits, 6) .. "f"):format(x)
end

local function count(x) return x ~= x and "-" or ("%.0f"):format(x) end
local function ratio(x) return x ~= x and "-" or x > 1e4 and ("%.1e"):format(x) or ("%.3f"):format(x) end

--- The columns of a summary of draws, for tables.lines.
tables.estimates = {
  { "mean", tables.number, "mean" }, { "sd", tables.number, "sd" }, { "MCSE", tables.number, "mcse_mean" },
  { "5 %", tables.number, "q5" }, { "50 %", tables.number, "median" }, { "95 %", tables.number, "q95" },
  { "ESS bulk", count, "ess_bulk" }, { "ESS tail", count, "ess_tail" }, { "R-hat", ratio, "rhat" },
}

--- The names of the elements of value, which has a name and a shape: "theta[1,2]", in row-major order.
function tables.elements(value)
  if #value.shape == 0 then return { value.name } end
  local names, size = {}, 1
  for _, n in ipairs(value.shape) do size = size * n end
  for k = 0, size - 1 do
    local index, rest = {}, k
    for axis = #value.shape, 1, -1 do
      index[axis] = rest % value.shape[axis] + 1
      rest = rest // value.shape[axis]
    end
    names[k + 1] = value.name .. "[" .. table.concat(index, ",") .. "]"
  end
  return names
end

--- The rows (with fields name and value) that names say: all without names; "theta" stands for all its elements and loop
-- sites. what: the caller.
function tables.chosen(what, rows, names)
  if names == nil then return rows end
  if type(names) == "string" then names = { names } end
  if type(names) ~= "table" then core.error(("%s: needs a name or a list of names, got a %s"):format(what, type(names))) end
  local chosen, known = {}, {}
  for _, row in ipairs(rows) do known[row.name], known[row.value], known[row.value:match "^[^%[]*"] = true, true, true end
  for _, name in ipairs(names) do
    if not known[name] then options.unknown(what .. ": the run has no value", name, known) end
    for _, row in ipairs(rows) do
      if row.name == name or row.value == name or row.value:match "^[^%[]*" == name then chosen[#chosen + 1] = row end
    end
  end
  return chosen
end

--- Lines of text, a row each below the heads. columns: list of { head, function(x) -> text, field of a row }.
function tables.lines(columns, rows)
  local lines, widths = { { "" } }, {}
  for i, column in ipairs(columns) do lines[1][i + 1] = column[1] end
  for _, row in ipairs(rows) do
    local line = { row.name }
    for i, column in ipairs(columns) do line[i + 1] = column[2](row[column[3]]) end
    lines[#lines + 1] = line
  end
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell) end
  end
  local out = {}
  for n, line in ipairs(lines) do
    local cells = {}
    for i, cell in ipairs(line) do
      local pad = (" "):rep(widths[i] - (utf8.len(cell) or #cell))
      cells[i] = i == 1 and cell .. pad or pad .. cell
    end
    out[n] = table.concat(cells, "  ")
  end
  return out
end

return tables
