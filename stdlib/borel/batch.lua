-- SPDX-License-Identifier: MIT
--- Methods of distributions that change their batch: `across` puts the axes of plates in front, `at` picks some
-- of the values.
local core = require "borel.core"
local law = require "borel.law"
local shapes = require "borel.shape"

local Dist = law.Dist

local function changed(self, args, batch)
  local other = {}
  for key, value in pairs(self) do other[key] = value end
  other.args, other.batch, other.plain = args, batch, nil
  return setmetatable(other, getmetatable(self))
end

local function joined(...)
  local all = {}
  for _, list in ipairs { ... } do
    for _, n in ipairs(list) do all[#all + 1] = n end
  end
  return all
end

-- Leading axes of the i-th parameter, and the axes of one event.
local function axes_of(self, i)
  local own = shapes.of(self.args[i])
  local lead = #own - (self.law.params[i].rank or 0)
  return { table.unpack(own, 1, lead) }, { table.unpack(own, lead + 1) }
end

local function ones(count)
  local list = {}
  for i = 1, count do list[i] = 1 end
  return list
end

--- The distribution of a value for each element of the plates around it, whose extents are `frame`, the innermost
-- first: shape frame .. iid .. event. Parameters must broadcast to the frame. `what` names the site in messages.
function Dist:across(frame, what)
  local lead = {}
  for i = 1, #self.args do lead = shapes.broadcast(lead, (axes_of(self, i))) end -- they were checked to fit
  local wide = shapes.broadcast(frame, lead)
  if not wide or not shapes.equal(wide, frame) or self.vector and #lead > 0 then
    core.error(("%s: parameters of shape %s in plates of shape %s: %s"):format(what, shapes.text(lead), shapes.text(frame),
      self.vector and "an ordered vector in a plate has parameters that are numbers"
      or "they must be numbers or have one value for each element; use :iid(n) for n values in each"))
  end
  local result
  if #lead == 0 then
    result = changed(self, self.args, joined(frame, self.batch))
  elseif #self.batch == 0 and shapes.equal(lead, frame) then
    return self
  else
    local args, widened = {}, false
    for i, arg in ipairs(self.args) do
      local own, event = axes_of(self, i)
      if #own > 0 then
        arg = arg:reshape(joined(own, ones(#self.batch), event))
        if not widened then arg, widened = arg + core.zeros(joined(frame, self.batch, event)), true end
      end
      args[i] = arg
    end
    result = changed(self, args, {})
  end
  result:shape() -- the number of axes
  return result
end

--- The distribution of the values at the flat places idx (i64 array, 1-based) of the batch.
function Dist:at(idx)
  local batch, args, many = self:batch_shape(), {}, false
  for i, arg in ipairs(self.args) do
    local lead, event = axes_of(self, i)
    args[i] = arg
    if #lead > 0 then
      if not shapes.equal(lead, batch) then arg = arg + core.zeros(joined(batch, event)) end
      args[i], many = arg:reshape(joined({ shapes.size(batch) }, event))[idx], true
    end
  end
  return changed(self, args, many and {} or { #idx })
end
