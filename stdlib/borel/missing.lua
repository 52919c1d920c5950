-- SPDX-License-Identifier: MIT
--- Missing values of the data as unknowns. `borel.missing` is the value that JSON's null becomes, and called it is
-- a verb:
--   local y = borel.missing("y", dist.normal(mu, sigma), data.y)
-- The values of data.y that are there are observed as site "y"; those that are null or NaN are the unknowns of
-- site "y.missing", a vector in the order of the data (a number when the value is one). It returns the data
-- with the unknowns in their places; with nothing missing it is observe.
local core = require "borel.core"
local handler = require "borel.handler"
local shapes = require "borel.shape"
local sites = require "borel.sites"

-- Flat places of the values that are there, and of those that are not.
local function split(values)
  local there, holes = {}, {}
  for i, x in ipairs(shapes.flat(values)) do
    local list = x == x and there or holes
    list[#list + 1] = i
  end
  return there, holes
end

-- The order that brings `there` .. `holes` back: place k of the data is entry order[k].
local function order_of(there, holes)
  local order = {}
  for at, place in ipairs(there) do order[place] = at end
  for at, place in ipairs(holes) do order[place] = #there + at end
  return core.array(order)
end

local missing = {}

--- Observes those of `values` (an array of the shape of the distribution) that are no NaN as the site `address` and makes the
-- others the unknowns of `address`.missing; returns all of them. fixed, marginalize: as handlers have them, fixed true for a
-- condition.
function missing.partly(h, address, wide, values, fixed, marginalize)
  local there, holes = split(values)
  local known = values:reshape({ values.size })[core.array(there)]
  if wide:support().discrete then known = known:to "i64" end
  if #holes == 0 then return h:observe(address, wide, known:reshape(values.shape), fixed) end
  local unknown = address .. ".missing"
  local drawn = h:sample(unknown, wide:at(core.array(holes)), marginalize)
  known = h:observe(address, wide:at(core.array(there)), known, fixed)
  return core.stack({ known, drawn })[order_of(there, holes)]:reshape(wide:shape())
end

local function verb(_, name, dist, values)
  local h, address, wide = handler.site("borel.missing", name, dist)
  local what = ("borel.missing '%s'"):format(address)
  if values == nil and h.simulates then return h:observe(address, wide, nil) end
  if values == nil then core.error(what .. ": the value is nil (is the name in the data?)") end
  if values == core.missing then values = 0 / 0 end
  values = sites.fitting(what, wide, values)
  if core.is_symbolic(values) then core.error(what .. ": the value is drawn; only data can be missing") end
  if not shapes.first_nan(values) then return h:observe(address, wide, values) end
  if #wide:event_shape() > 0 then
    core.error(("%s: one value of %s is an array of shape %s; only numbers can be missing"):format(what, wide.law.name,
      shapes.text(wide:event_shape())))
  end
  local unknown = address .. ".missing"
  if type(values) == "number" then return h:sample(unknown, wide) end
  local there, holes = split(values)
  if #there == 0 then return h:sample(unknown, wide:at(core.array(holes))):reshape(wide:shape()) end
  return missing.partly(h, address, wide, values)
end

getmetatable(core.missing).__call = verb

return missing
