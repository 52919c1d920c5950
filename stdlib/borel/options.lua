-- SPDX-License-Identifier: MIT
--- Checks of named options, and the message for a name that does not exist.
local core = require "borel.core"

local options = {}

local function names_of(list)
  local names = {}
  for name in pairs(list) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Raises "<what> '<name>'; did you mean '<nearest>'?". `list` has the known names as keys.
function options.unknown(what, name, list)
  local message = what .. " '" .. tostring(name) .. "'"
  local nearest = type(name) == "string" and core.nearest(name, names_of(list))
  if nearest then message = message .. "; did you mean '" .. nearest .. "'?" end
  core.error(message)
end

--- Checks `given` against `known` = {name = {type =, default =, min =, max =, integer =}} and returns a
-- table with defaults filled in. `what` names the caller in messages.
function options.check(what, given, known)
  if given ~= nil and type(given) ~= "table" then core.error(what .. ": options are a table, got a " .. type(given)) end
  local result = {}
  for name, value in pairs(given or {}) do
    local rule = known[name]
    if not rule then options.unknown(what .. ": unknown option", name, known) end
    if rule.type and type(value) ~= rule.type then
      core.error(("%s: option '%s' must be a %s, got a %s"):format(what, name, rule.type, type(value)))
    end
    if rule.integer and math.type(value) ~= "integer" then
      if value ~= math.floor(value) then core.error(("%s: option '%s' must be a whole number, got %s"):format(what, name, value)) end
      value = math.tointeger(value)
    end
    if rule.min and value < rule.min or rule.max and value > rule.max then
      core.error(("%s: option '%s' is %s, must be %s"):format(what, name, value,
        rule.max and ("between %s and %s"):format(rule.min, rule.max) or ("at least %s"):format(rule.min)))
    end
    if rule.choices then
      local found = false
      for _, choice in ipairs(rule.choices) do found = found or choice == value end
      if not found then
        core.error(("%s: option '%s' is '%s', must be one of %s"):format(what, name, value, table.concat(rule.choices, ", ")))
      end
    end
    result[name] = value
  end
  for name, rule in pairs(known) do
    if result[name] == nil then result[name] = rule.default end
  end
  return result
end

return options
