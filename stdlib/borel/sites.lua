-- SPDX-License-Identifier: MIT
--- The sites of one run of a model: their addresses, lines and labels. All handlers share it, so that they
-- find the same errors and name terms alike.
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"

local Sites = {}
Sites.__index = Sites

local sites = {}

function sites.new() return setmetatable({ lines = {}, visits = {}, plates = {} }, Sites) end

--- Notes a new address and returns its label, "mu (model.lua:3)"; a second use is an error with both lines.
function Sites:add(address, what)
  local line = core.position()
  if self.lines[address] then
    core.error(("the %s '%s' was already made at %s: every name is used once (in a loop: {\"%s\", i})"):format(
      what or "site", address, self.lines[address], address))
  end
  self.lines[address] = line
  return ("%s (%s)"):format(address, line)
end

-- An address for what has no name: its line and how often that line was met.
function Sites:visit(what)
  local line = core.position()
  local visit = (self.visits[line] or 0) + 1
  self.visits[line] = visit
  return ("%s at %s%s"):format(what, line, visit > 1 and (", visit " .. visit) or "")
end

function Sites:factor(name)
  if name then return self:add(name, "factor") end
  return self:visit("factor")
end

--- Notes a plate; the same name with another size is an error.
function Sites:plate(address, n)
  local seen = self.plates[address]
  if seen and seen.n ~= n then
    core.error(("plate '%s' has %d elements here and %d at %s: give them different names"):format(address, n, seen.n, seen.line))
  end
  self.plates[address] = seen or { n = n, line = core.position() }
end

--- Checks that `value` has the shape of the distribution and returns it, a table made an array. `what` names it
-- in messages.
function sites.fitting(what, dist, value)
  if type(value) == "table" and getmetatable(value) == nil then
    if #value == 0 then core.error(what .. ": the data are empty") end
    local made, array = pcall(core.array, value)
    if not made then core.error(("%s: %s"):format(what, tostring(array):gsub("^.-:%d+: ", ""))) end
    value = array
  end
  if type(value) ~= "number" and type(value) ~= "boolean" and not core.is_array(value) and not core.is_symbolic(value) then
    core.error(("%s: the value is a %s, not a number or an array"):format(what, type(value)))
  end
  local want, have = dist:shape(), shapes.of(value)
  if not shapes.equal(want, have) then
    core.error(("%s: the value has shape %s, but %s has shape %s; they must be equal (use :iid(n) for n repetitions)"):format(
      what, shapes.text(have), dist.law.name, shapes.text(want)))
  end
  return value
end

--- Checks that `value` is a value of the distribution, in shape and support, and returns it, a table made an array.
function sites.checked(what, dist, value)
  if value == core.missing then
    core.error(what .. ": the value is missing (null); borel.missing(name, dist, value) makes it an unknown")
  end
  value = sites.fitting(what, dist, value)
  local have = shapes.of(value)
  local nan = not core.is_symbolic(value) and shapes.first_nan(value)
  if nan then
    core.error(("%s: value %d of %d is NaN or missing (null); borel.missing(name, dist, values) makes such values unknowns"):format(
      what, nan, shapes.size(have)))
  end
  if not core.is_symbolic(value) then
    local infinite = shapes.first_infinite(value)
    if infinite then core.error(("%s: value %d of %d is infinite"):format(what, infinite, shapes.size(have))) end
    -- Where values are drawn, a support that depends on parameters may depend on a draw: outside it the density is 0.
    local may_vary = (dist.modifier ~= nil or type(dist.law.support) == "function") and not handler.traces()
    local support = dist:support()
    local inside = may_vary or dist:contains(value)
    if not shapes.all_true(inside) and not core.is_symbolic(inside) then
      local at = 1
      for i, ok in ipairs(shapes.flat(inside)) do
        if ok == false or ok == 0 then
          at = i
          break
        end
      end
      local whole = support.discrete and (" (whole numbers from %g%s)"):format(support.lowest,
        support.count and (" to %g"):format(support.lowest + support.count - 1) or "") or ""
      local values = #dist:event_shape() == 0 and shapes.flat(value)
      core.error(("%s: value %d of %d is %soutside the support of %s%s"):format(what, at, shapes.size(dist:batch_shape()),
        values and tostring(values[at]) .. ", " or "", dist.law.name, whole))
    end
  end
  return value
end

--- Checks an observed value and returns the label of its term and the value, tables made arrays.
function Sites:observed(address, dist, value)
  local label = address and self:add(address, "observed site") or self:visit("observe")
  return label, sites.checked(address and ("observed '%s'"):format(address) or "observe", dist, value)
end

return sites
