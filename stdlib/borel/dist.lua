-- SPDX-License-Identifier: MIT
--- Distributions by name: dist.normal(mu, sigma):iid(8). The laws are in borel/laws, one file a family;
-- dist.define makes a law of one's own (borel/law.lua says how).
local core = require "borel.core"
local law = require "borel.law"
local options = require "borel.options"
local shapes = require "borel.shape"
local support = require "borel.support"

for _, family in ipairs { "real", "positive", "bounded", "counts", "truncated", "mixtures", "flat", "vectors", "matrices", "processes" } do
  require("borel.laws." .. family)
end

local dist = { define = law.define }
local Dist = law.Dist

-- Each vector along the last axis in increasing order.
local function sorted(x)
  local width = x.shape[#x.shape]
  local values = x:reshape { x.size }:totable()
  for first = 1, #values, width do
    local row = table.move(values, first, first + width - 1, 1, {})
    table.sort(row)
    table.move(row, 1, width, first, values)
  end
  return core.array(values):reshape(x.shape)
end

--- An increasing vector: the law of the sorted values when the elements are alike (iid), whose density is
-- n! times the product; for elements with parameters of their own the density is not normalised.
function Dist:ordered()
  local shape = self:shape()
  if #shape == 0 then core.error(self.law.name .. ":ordered needs a vector, as normal(0, 1):iid(3):ordered()") end
  if self.law.event or self:support() ~= support.real then
    core.error(("%s:ordered: only distributions over the whole real line can be ordered"):format(self.law.name))
  end
  local result = law.modified(self, support.ordered, 1)
  result.arrange = sorted
  result.log_orders = 0
  if self.law.name == "flat" then return result end
  for k = 2, shape[#shape] do result.log_orders = result.log_orders + math.log(k) end
  for _, arg in ipairs(self.args) do
    if #shapes.of(arg) > 0 then result.log_orders = 0 end
  end
  return result
end

local function need_flat(self, what)
  if self.law.name ~= "flat" then core.error(("%s:%s: only flat() takes a support"):format(self.law.name, what)) end
end

--- flat():positive(): an improper density of 1 on the positive numbers.
function Dist:positive()
  need_flat(self, "positive")
  return law.modified(self, support.positive)
end

--- flat():interval(low, high): a density of 1 there.
function Dist:interval(low, high)
  need_flat(self, "interval")
  if type(low) == "number" and type(high) == "number" and low >= high then
    core.error(("flat:interval: low is %g, must be less than high, which is %g"):format(low, high))
  end
  return law.modified(self, support.interval(low, high))
end

return setmetatable(dist, {
  __index = function(_, name)
    local found = law.constructors[name]
    if not found then options.unknown("unknown distribution", name, law.constructors) end
    return found
  end,
})
