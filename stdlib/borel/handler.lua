-- SPDX-License-Identifier: MIT
--- The verbs of a model, and the one place that says who interprets them. A handler is a table with `sites`
-- (borel/sites.lua) and the methods
--   sample(address, dist, marginalize) -> value observe(address, dist, value, fixed) -> value
--   factor(address, log_weight, likelihood)     deterministic(name, value)
-- `marginalize` marks a site that a traced density is to sum over: "kept" with a draw of it among the values of a run,
-- "dropped" without; who draws values draws it as any other.
-- `fixed` marks a sample site that borel.condition turned into an observation. Names get the prefix of the
-- calls around them, and distributions the axes of the plates around them, before a handler sees either.
local core = require "borel.core"
local options = require "borel.options"
local shapes = require "borel.shape"

local handler = {}
local state = { prefix = "", depth = 0, frame = {}, plates = {} } -- frame: extents of the plates around, innermost first

local function back(previous, ok, ...)
  state = previous
  if not ok then error((...), 0) end
  return ...
end

--- Runs fn(...) with part of the state replaced: handler, prefix and depth, or frame and plates. Errors pass through
-- unchanged, and however fn ends the old state is back.
function handler.within(change, fn, ...)
  local previous = state
  state = {
    handler = change.handler or previous.handler,
    prefix = change.prefix or previous.prefix, depth = change.depth or previous.depth,
    frame = change.frame or previous.frame, plates = change.plates or previous.plates,
  }
  return back(previous, pcall(fn, ...))
end

local function left(live, outer, ...)
  live.state, state = state, outer
  return ...
end

--- Goes on with the coroutine of `live` = { thread = }, inside which the state is its own; returns what coroutine.resume
-- does.
function handler.resume(live, ...)
  local outer = state
  state = live.state or outer
  return left(live, outer, coroutine.resume(live.thread, ...))
end

--- Runs fn(...) under `h`, outside every call and plate.
function handler.with(h, fn, ...) return handler.within({ handler = h, prefix = "", depth = 0, frame = {}, plates = {} }, fn, ...) end

--- Are distributions to check the parameters they are given? Not where these come from random draws: a scale
-- that turns out negative is then a term that is not finite, as it is in the graph.
function handler.checks() return not (state.handler and state.handler.lenient) end

--- Is the model being traced, so that parameters which are plain numbers are known and not drawn?
function handler.traces() return state.handler ~= nil and state.handler.traces == true end

--- The handler, for `verb`; an error outside a model.
function handler.need(verb)
  if not state.handler then
    core.error(verb .. " called outside a model: put it into a function given to borel.model, and give that to borel.infer")
  end
  return state.handler
end
local need = handler.need

--- Is a model being run by a handler now?
function handler.active() return state.handler ~= nil end

local MOST_CHECKED = 10000
local checked, checked_count = {}, 0 -- names that have passed

local function check_text(verb, text)
  if checked[text] then return text end
  if not utf8.len(text) or text:find "%c" then
    core.error(verb .. ": the name of a site must be printable UTF-8 text, got " .. ("%q"):format(text):gsub("[\0-\31\127-\255]", "?"))
  end
  if #text > 200 then core.error(verb .. ": the name of a site has more than 200 bytes") end
  if checked_count == MOST_CHECKED then checked, checked_count = {}, 0 end
  checked[text], checked_count = true, checked_count + 1
  return text
end

--- "theta" or {"theta", 3} -> "theta" or "theta[3]", after the prefix.
local function address_of(verb, name)
  if checked[name] and state.prefix == "" then return name end
  if type(name) == "table" and checked[name[1]] and math.type(name[2]) == "integer" and #name == 2 and getmetatable(name) == nil then
    return state.prefix .. name[1] .. "[" .. name[2] .. "]"
  end
  if type(name) == "string" and name ~= "" then return state.prefix .. check_text(verb, name) end
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
    check_text(verb, name[1])
    return state.prefix .. check_text(verb, name[1] .. "[" .. table.concat(parts, ",") .. "]")
  end
  core.error(verb .. ": the first argument is the name of the site, a text or {text, index}")
end

--- For verbs made of others: the address of `name`.
handler.address = address_of

local function is_dist(value) return type(value) == "table" and value.is_distribution == true end

-- The distribution with the axes of the plates around it.
local function need_dist(what, value)
  if not is_dist(value) then
    core.error(what .. ": needs a distribution such as dist.normal(0, 1), got " .. (value == nil and "nothing" or "a " .. type(value)))
  end
  return #state.frame > 0 and value:across(state.frame, what) or value
end

--- For verbs made of others: the handler, the address and the distribution as a handler gets them.
function handler.site(verb, name, dist)
  local h = need(verb)
  local address = address_of(verb, name)
  if #state.frame == 0 and is_dist(dist) then return h, address, dist end
  return h, address, need_dist(verb .. " '" .. address .. "'", dist)
end

local sample_options = { marginalize = { type = "boolean", default = false }, keep = { type = "boolean" } }

local function to_sum(what, given)
  local opts = options.check(what, given, sample_options)
  if opts.keep ~= nil and not opts.marginalize then
    core.error(what .. ": option 'keep' is for a site that is summed out (marginalize = true); any other is kept with each draw")
  end
  return opts.marginalize and (opts.keep == false and "dropped" or "kept")
end

--- sample(name, dist [, options]) -> a value of the distribution. name: text, or {text, index} for sites made in loops.
-- marginalize = true, for a discrete site of finitely many values: the compiled density is summed over them, and the site
-- is no unknown of the sampler; a run draws it for each of its draws, given the other unknowns, unless keep = false. What
-- runs the model on plain numbers (borel.simulate, compositions) draws the site.
function handler.sample(name, dist, given)
  local h, address, wide = handler.site("sample", name, dist)
  if given == nil then return h:sample(address, wide) end
  return h:sample(address, wide, to_sum(("sample '%s'"):format(address), given))
end

--- observe([name,] dist, value) -> value: it was seen. Its shape must be that of the distribution. A simulation
-- draws the value, which may then be nil, and returns what it drew.
function handler.observe(name, dist, value)
  local h = need "observe"
  if is_dist(name) then name, dist, value = nil, name, dist end
  local address = name ~= nil and address_of("observe", name) or nil
  local what = "observe" .. (address and " '" .. address .. "'" or "")
  dist = need_dist(what, dist)
  if value == nil and not h.simulates then core.error(what .. ": the observed value is nil (is the name in the data?)") end
  return h:observe(address, dist, value)
end

local factor_options = { likelihood = { type = "boolean", default = false } }

--- factor([name,] log_weight [, options]): multiplies the density by exp(log_weight); in a plate, once for each element.
-- likelihood = true: each element of log_weight is the log-likelihood of one observation, which fit:loo, fit:waic and
-- fit:log_likelihood then count under the name, which it needs.
function handler.factor(name, log_weight, given)
  local h = need "factor"
  if log_weight == nil and type(name) == "number" and #state.frame == 0 then return h:factor(nil, name, false) end
  if given == nil and type(log_weight) == "table" and log_weight.likelihood ~= nil then
    core.error "factor: with options it needs a name: factor(name, log_weight, { likelihood = true })"
  end
  if log_weight == nil and type(name) ~= "string" then name, log_weight = nil, name end
  if log_weight == nil then core.error("factor: the log-weight is missing") end
  if type(log_weight) == "table" and getmetatable(log_weight) == nil then
    core.error("factor: the log-weight is a table; sum it or make an array of it with borel.stack")
  end
  local frame = state.frame
  if #frame > 0 then
    local wide = shapes.broadcast(frame, shapes.of(log_weight))
    if not wide or not shapes.equal(wide, frame) then
      core.error(("factor: the log-weight has shape %s, the plates around it %s: it is a number, or has one value for each element"):format(
        shapes.text(shapes.of(log_weight)), shapes.text(frame)))
    end
    log_weight = log_weight + core.zeros(frame)
  end
  local address = name ~= nil and address_of("factor", name) or nil
  local likelihood = options.check(address and ("factor '%s'"):format(address) or "factor", given, factor_options).likelihood
  if likelihood and not address then core.error "factor: a likelihood needs a name: factor(name, log_weight, { likelihood = true })" end
  h:factor(address, log_weight, likelihood)
end

--- checkpoint(state) -> state: what the rest of the run depends on, besides the data, is `state`, a number, an array or a
-- table of such. Copies of a particle are then continued from the last checkpoint instead of from the start: in one of them, the
-- first call returns the state given last before it was copied. Call it before a loop and at the end of each round:
--   local s = borel.checkpoint { t = 0, x = 0 }
--   while s.t < T do ... s = borel.checkpoint { t = s.t + 1, x = x } end
function handler.checkpoint(saved)
  local h = need "borel.checkpoint"
  if saved == nil then core.error "borel.checkpoint: the state is nil" end
  return h.checkpoint and h:checkpoint(saved) or saved
end

--- deterministic(name, value) -> value, which is kept with each draw.
function handler.deterministic(name, value)
  local h = need "deterministic"
  local address = address_of("deterministic", name)
  if value == nil then core.error("deterministic '" .. address .. "': the value is nil") end
  h:deterministic(address, value)
  return value
end

-- ---- plates and calls ------------------------------------------------------------------------------------

local MOST_ELEMENTS, DEEPEST_CALL = 1e7, 30

--- plate(name, n, fn): n independent copies of what fn does, at once. fn runs one time, with the index vector
-- 1 .. n (i64). Inside it every distribution gets the plate's axis in front of its own: sample("x",
-- dist.normal(0, 1)) is a vector [n], dist.normal(mu[i], 1) has the axis already. A plate in a plate puts its
-- axis in front of the outer one, and its index has the shape [m, 1], so that values of both broadcast to
-- [m, n]. Returns what fn returns.
function handler.plate(name, n, fn)
  local h = need "plate"
  local address = address_of("plate", name)
  local what = "plate '" .. address .. "'"
  if type(n) ~= "number" or not math.tointeger(n) or n < 1 or n > MOST_ELEMENTS then
    core.error(("%s: the size is %s, must be a whole number from 1 to %g"):format(what, tostring(n), MOST_ELEMENTS))
  end
  if type(fn) ~= "function" then core.error(("%s: needs a function of the index vector, got a %s"):format(what, type(fn))) end
  if #state.frame == core.MAX_RANK then core.error(("%s: more than %d plates in each other"):format(what, core.MAX_RANK)) end
  if state.plates[address] then core.error(what .. " is inside itself") end
  n = math.tointeger(n)
  h.sites:plate(address, n)
  local index, extents, plates = core.range(1, n), { n }, { [address] = true }
  for _ = 1, #state.frame do extents[#extents + 1] = 1 end
  if #extents > 1 then index = index:reshape(extents) end
  for outer in pairs(state.plates) do plates[outer] = true end
  return handler.within({ frame = { n, table.unpack(state.frame) }, plates = plates }, fn, index)
end

--- Runs fn(...) with "name." in front of the names of its sites, under `layer(handler)`.
function handler.call(name, layer, fn, ...)
  local h = need "borel.call"
  local prefix, depth = address_of("borel.call", name) .. ".", state.depth + 1
  if depth > DEEPEST_CALL then
    core.error(("borel.call '%s': calls are more than %d deep: does a model call itself?"):format(prefix:sub(1, -2), DEEPEST_CALL))
  end
  return handler.within({ prefix = prefix, depth = depth, handler = layer(h, prefix) }, fn, ...)
end

return handler
