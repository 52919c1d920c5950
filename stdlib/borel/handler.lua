-- SPDX-License-Identifier: MIT
--- The verbs of a model, and the one slot that says who interprets them. A handler is a table with the
-- methods sample(address, dist), observe(address, dist, value), factor(address, log_weight) and
-- deterministic(name, value). Handlers stack: with() sets one, runs a function, and puts the old one back
-- however the function ends.
local core = require "borel.core"

local handler = {}
local current = nil

--- Runs fn(...) under `h`; errors pass through unchanged.
function handler.with(h, fn, ...)
  local previous = current
  current = h
  local results = table.pack(pcall(fn, ...))
  current = previous
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- Are distributions to check the parameters they are given? Not where these come from random draws: a scale
-- that turns out negative is then a term that is not finite, as it is in the graph.
function handler.checks() return not (current and current.lenient) end

local function need(verb)
  if not current then
    core.error(verb .. " called outside a model: put it into a function given to borel.model, and give that to borel.infer")
  end
  return current
end

--- Is a model being run by a handler now?
function handler.active() return current ~= nil end

local function check_text(verb, text)
  if not utf8.len(text) or text:find "%c" then
    core.error(verb .. ": the name of a site must be printable UTF-8 text, got " .. ("%q"):format(text):gsub("[\0-\31\127-\255]", "?"))
  end
  if #text > 200 then core.error(verb .. ": the name of a site has more than 200 bytes") end
  return text
end

--- "theta" or {"theta", 3} -> "theta" or "theta[3]"
local function address_of(verb, name)
  if type(name) == "string" and name ~= "" then return check_text(verb, name) end
  if type(name) == "table" and getmetatable(name) == nil and type(name[1]) == "string" and #name >= 2 then
    local parts = {}
    for i = 2, #name do
      local index = name[i]
      if type(index) ~= "string" and math.type(index) ~= "integer" then
        core.error(("%s: index %d of the name {'%s', ...} must be a whole number or a text, got a %s"):format(verb, i - 1, name[1],
          math.type(index) or type(index)))
      end
      parts[#parts + 1] = tostring(index)
    end
    return check_text(verb, name[1] .. "[" .. table.concat(parts, ",") .. "]")
  end
  core.error(verb .. ": the first argument is the name of the site, a text or {text, index}")
end

local function is_dist(value) return type(value) == "table" and value.is_distribution == true end

local function need_dist(verb, value)
  if not is_dist(value) then
    core.error(verb .. ": needs a distribution such as dist.normal(0, 1), got " .. (value == nil and "nothing" or "a " .. type(value)))
  end
end

--- sample(name, dist) -> a value of the distribution. name: text, or {text, index} for sites made in loops.
function handler.sample(name, dist)
  local h = need "sample"
  local address = address_of("sample", name)
  need_dist("sample '" .. address .. "'", dist)
  return h:sample(address, dist)
end

--- observe([name,] dist, value): the value was seen. Its shape must be that of the distribution.
function handler.observe(name, dist, value)
  local h = need "observe"
  if is_dist(name) then name, dist, value = nil, name, dist end
  local address = name ~= nil and address_of("observe", name) or nil
  need_dist("observe" .. (address and " '" .. address .. "'" or ""), dist)
  if value == nil then
    core.error("observe" .. (address and " '" .. address .. "'" or "") .. ": the observed value is nil (is the name in the data?)")
  end
  h:observe(address, dist, value)
end

--- factor([name,] log_weight): multiplies the density by exp(log_weight).
function handler.factor(name, log_weight)
  local h = need "factor"
  if log_weight == nil and type(name) ~= "string" then name, log_weight = nil, name end
  if log_weight == nil then core.error("factor: the log-weight is missing") end
  if type(log_weight) == "table" and getmetatable(log_weight) == nil then
    core.error("factor: the log-weight is a table; sum it or make an array of it with borel.stack")
  end
  h:factor(name ~= nil and address_of("factor", name) or nil, log_weight)
end

--- deterministic(name, value) -> value, which is kept with each draw.
function handler.deterministic(name, value)
  local h = need "deterministic"
  local address = address_of("deterministic", name)
  if value == nil then core.error("deterministic '" .. address .. "': the value is nil") end
  h:deterministic(address, value)
  return value
end

return handler
