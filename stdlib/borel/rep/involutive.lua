-- SPDX-License-Identifier: MIT
--- Involutive moves of traces, also between traces of different sites: auxiliary values v are drawn given the trace x, a
-- map that is its own inverse sends (x, v) to (y, v'), and y is taken with Green's probability
--   min(1, p(y) q(v' | y) / (p(x) q(v | x)) |det d(y, v') / d(x, v)|),
-- the determinant over all continuous numbers (Green 1995; Tierney 1998; Cusumano-Towner, Lew, Mansinghka 2020).
local core = require "borel.core"
local given = require "borel.rep.given"
local model = require "borel.model"
local move = require "borel.rep.move"
local options = require "borel.options"
local shapes = require "borel.shape"
local unit = require "borel.rep.unit"
local MUTANT = require "borel.mutant" "involutive"

local involutive = {}

local NAME = "involutive"

-- The choices of a unit by address, inner programs left out: values, and their places.
local function by_address(u)
  local choices, values, places = unit.choices(u), {}, {}
  for n, address in ipairs(choices.address) do
    if choices.dist[n] ~= unit.INSIDE then values[address], places[address] = choices.value[n], n end
  end
  return values, places, choices
end

-- The values by address, to look at; `reads` notes which were.
local function view(values, reads)
  return setmetatable({}, {
    __index = function(_, address)
      if reads then reads[address] = true end
      return values[address]
    end,
    __pairs = function()
      for address in pairs(reads and values or {}) do reads[address] = true end
      return pairs(values)
    end,
  })
end

-- ---- auxiliary values -------------------------------------------------------------------------------------------------

local function auxiliary_unit(self, values)
  return unit.new(function(h) return self.auxiliary:run(h, view(values)) end)
end

local function plain(a)
  if a.passed > 0 or a.dead then core.error(NAME .. ": the auxiliary program may only sample, not observe or weigh") end
  return a
end

-- Draws v given the trace: values by address, their distributions, the log-density.
local function draw_auxiliary(self, values, world, lane)
  local a = plain(unit.advance(auxiliary_unit(self, values), world, lane, math.huge))
  local choices, aux, dists, log_density = unit.choices(a), {}, {}, 0
  for n, address in ipairs(choices.address) do
    if choices.dist[n] == unit.INSIDE then core.error(NAME .. ": the auxiliary program may not run programs inside") end
    aux[address], dists[address] = choices.value[n], choices.dist[n]
    log_density = log_density + move.density(choices.dist[n], choices.value[n])
  end
  return aux, dists, log_density
end

-- The density of v' given y, -inf when it cannot be drawn there.
local function score_auxiliary(self, values, aux, world, lane)
  local a, run = given.run(auxiliary_unit(self, values), world, lane, math.huge, NAME .. ": auxiliary of the new trace", function(address)
    return aux[address]
  end)
  if not a.dead then given.all_used(NAME .. ": auxiliary of the new trace", run, aux) end
  return a.dead and -math.huge or run.log_density, run.used
end

-- ---- the involution ---------------------------------------------------------------------------------------------------

-- What involution(trace, aux) returns: nil when it does not apply there.
local function involve(self, values, aux, reads)
  local changes, other = self.involution(view(values, reads), view(aux))
  if changes == nil then return nil end
  if type(changes) ~= "table" or type(other) ~= "table" then
    core.error(("%s: the involution must return two tables, values of the trace that change and auxiliary values, or nil to stay; "
      .. "got a %s and a %s"):format(NAME, type(changes), type(other)))
  end
  return changes, other
end

-- Compares values by address, `have` may hold more.
local function compare(what, want, have)
  for address, value in pairs(want) do
    local other = have[address]
    if other == nil then core.error(("%s: applied twice, the involution loses the %s '%s'"):format(NAME, what, address)) end
    local a, b = shapes.flat(value), shapes.flat(other)
    for i, x in ipairs(a) do
      if not b[i] or math.abs(x - b[i]) > 1e-9 * math.max(1, math.abs(x)) then
        core.error(("%s: applied twice, the involution makes %s of the %s '%s', which was %s"):format(NAME, tostring(b[i]), what, address,
          tostring(x)))
      end
    end
  end
end

local function check_round_trip(self, values, aux, new_values, new_aux)
  local back, aux_back = involve(self, new_values, new_aux)
  if not back then core.error(NAME .. ": the involution does not apply to what it made, so it leads nowhere back") end
  compare("value of site", values, setmetatable(back, { __index = new_values }))
  compare("auxiliary value", aux, aux_back)
end

-- ---- the Jacobian -----------------------------------------------------------------------------------------------------

local function continuous(dist) return dist and not dist:support().discrete end

-- The continuous values that may change, in or out: { where = "trace" | "aux", address, dist }.
local function active(list, where, dists, in_question)
  local addresses = {}
  for address, dist in pairs(dists) do
    if continuous(dist) and (not in_question or in_question(address)) then addresses[#addresses + 1] = address end
  end
  table.sort(addresses)
  for _, address in ipairs(addresses) do list[#list + 1] = { where = where, address = address, dist = dists[address] } end
  return list
end

local MOST_ARGUMENTS = 32 -- of core.jvp

local function one_hot(like, k)
  if type(like) == "number" then return 1 end
  local flat = {}
  for i = 1, like.size do flat[i] = i == k and 1 or 0 end
  return core.array(flat):reshape(like.shape)
end

-- A value on each side that the involution passes on as it is: they leave the determinant alone.
local function pass_on(inputs, outputs, symbols, results)
  local taken = {}
  for o, result in ipairs(results) do
    for i, symbol in ipairs(symbols) do
      if not taken[i] and rawequal(result, symbol) then
        taken[i], inputs[i].passed, outputs[o].passed = true, true, true
        break
      end
    end
  end
end

local function need_free(part)
  local free = part.dist:free_shape()
  if not shapes.equal(free, part.dist:shape()) then
    core.error(("%s: '%s' has fewer free numbers than elements (%s); state log_jacobian"):format(NAME, part.address, part.dist.law.name))
  end
end

-- The involution on symbolic values, as a function for core.jvp that returns the numbers of the outputs that are not passed
-- on. The first call finds these.
local function symbolic(self, values, aux, inputs, outputs)
  return function(...)
    local symbols, trace_values, aux_values = { ... }, setmetatable({}, { __index = values }), setmetatable({}, { __index = aux })
    for i, part in ipairs(inputs) do (part.where == "trace" and trace_values or aux_values)[part.address] = symbols[i] end
    local changes, new_aux = involve(self, trace_values, aux_values)
    local results, flat = {}, {}
    for o, part in ipairs(outputs) do
      local source = part.where == "aux" and new_aux or changes
      local result = source[part.address]
      if result == nil and part.where == "trace" then result = trace_values[part.address] end
      results[o] = result
    end
    pass_on(inputs, outputs, symbols, results)
    for o, part in ipairs(outputs) do
      if not part.passed then
        need_free(part)
        local shape = part.dist:shape()
        if #shape == 0 then
          flat[#flat + 1] = results[o]
        else
          local size = shapes.size(shape)
          local row = ((type(results[o]) == "table" and core.stack(results[o]) or results[o]) + core.zeros(shape)):reshape { size }
          for k = 1, size do flat[#flat + 1] = row[k] end
        end
      end
    end
    if not flat[1] then flat[1] = 0 end
    return flat
  end
end

local function numbers_in(list)
  local count = 0
  for _, part in ipairs(list) do count = count + shapes.size(part.dist:free_shape()) end
  return count
end

-- log |det| of the involution at (values, aux), by forward derivatives.
local function differentiate(self, values, aux, inputs, outputs)
  if numbers_in(inputs) ~= numbers_in(outputs) then
    core.error(("%s: the involution maps %d continuous numbers to %d"):format(NAME, numbers_in(inputs), numbers_in(outputs)))
  end
  if #inputs == 0 then return 0 end
  if #inputs > MOST_ARGUMENTS then
    core.error(("%s: the involution looks at %d continuous sites, at most %d can be differentiated; state log_jacobian"):format(NAME,
      #inputs, MOST_ARGUMENTS))
  end
  local at, columns = {}, {}
  for i, part in ipairs(inputs) do at[i] = part.where == "trace" and values[part.address] or aux[part.address] end
  local fn = symbolic(self, values, aux, inputs, outputs)
  for i, part in ipairs(inputs) do
    if not part.passed then
      need_free(part)
      for k = 1, shapes.size(part.dist:shape()) do
        local tangents = {}
        for other, value in ipairs(at) do
          tangents[other] = other == i and one_hot(value, k) or type(value) == "number" and 0 or core.zeros(value.shape)
        end
        local _, slope = core.jvp(fn, at, tangents)
        if part.passed then break end -- as the first call has found
        columns[#columns + 1] = shapes.flat(slope)
      end
    end
  end
  if not columns[1] then return 0 end
  return (core.slogdet(core.array(columns)))
end

-- ---- the step ---------------------------------------------------------------------------------------------------------

local function dists_of(places, choices, frozen)
  local dists = {}
  for address, n in pairs(places) do
    if n > frozen then dists[address] = choices.dist[n] end
  end
  return dists
end

--- What one involution makes of `u` with the auxiliary values `aux`: the new unit and Green's log-ratio, nil and -inf when it
-- has no mass.
local function propose(self, u, aux, aux_dists, log_forth, world, lane, level, power)
  local values, places, old = by_address(u)
  local reads, kept = {}, {}
  local changes, new_aux = involve(self, values, aux, reads)
  if not changes then return nil, -math.huge end
  for address in pairs(changes) do
    local n = places[address]
    if n and n <= u.frozen then core.error(("%s: the involution changes '%s', which is frozen"):format(NAME, address)) end
  end
  local y, run = given.run(u, world, lane, level, NAME, function(address)
    local value = changes[address]
    if value == nil then return values[address] end
    return value
  end, function(address, dist, value)
    local n = places[address]
    local alike = n and unit.same_value(old.value[n], value) and unit.same_dist(old.dist[n], dist)
    if alike then kept[address] = true end
    return alike
  end)
  if y.dead then return nil, -math.huge end
  given.all_used(NAME .. ": the involution", run, changes)
  local new_values = by_address(y)
  local log_back, new_aux_dists = score_auxiliary(self, new_values, new_aux, world, lane)
  if log_back == -math.huge then return nil, -math.huge end
  if self.check then check_round_trip(self, values, aux, new_values, new_aux) end
  local log_prior, dists = run.log_density, dists_of(places, old, u.frozen)
  for address, dist in pairs(dists) do
    if not kept[address] then log_prior = log_prior - move.density(dist, values[address]) end
  end
  local function touched(address) return reads[address] or changes[address] ~= nil end
  local inputs = active(active({}, "trace", dists, function(a) return touched(a) or not run.used[a] end), "aux", aux_dists)
  local outputs = active(active({}, "trace", run.used, touched), "aux", new_aux_dists)
  local log_jacobian = self.log_jacobian and self.log_jacobian(values, aux)
  if not log_jacobian or self.check == "full" then
    local found = differentiate(self, values, aux, inputs, outputs)
    if log_jacobian and math.abs(log_jacobian - found) > 1e-9 * math.max(1, math.abs(found)) then
      core.error(("%s: the stated log-Jacobian is %.12g, the derivative gives %.12g"):format(NAME, log_jacobian, found))
    end
    log_jacobian = log_jacobian or found
  end
  if log_jacobian ~= log_jacobian or log_jacobian == -math.huge then
    core.error(NAME .. ": the Jacobian of the involution is 0, so it has no inverse here")
  end
  return y, power * (y.score - u.score) + (MUTANT == 1 and 0 or log_prior)
    + (MUTANT == 2 and 0 or MUTANT == 3 and log_forth - log_back or log_back - log_forth)
    + (MUTANT == 4 and 0 or MUTANT == 5 and -log_jacobian or log_jacobian)
end

local schema = {
  auxiliary = {}, involution = { type = "function" }, log_jacobian = { type = "function" }, check = { default = true },
}

--- rep.involutive{ auxiliary =, involution =, log_jacobian =, check = true }: the step function of a block (blocks.kernel).
function involutive.step(what)
  what = options.check("rep.involutive", what, schema)
  if not what.involution then core.error "rep.involutive: 'involution' is missing: function(trace, aux) -> changes, aux" end
  local auxiliary = what.auxiliary or function() end
  local self = { auxiliary = type(auxiliary) == "function" and model.new(auxiliary) or auxiliary, involution = what.involution,
    log_jacobian = what.log_jacobian, check = what.check }
  model.need("rep.involutive: 'auxiliary'", self.auxiliary)
  return function(u, world, lane, level, power)
    if u.dead or u.count == u.frozen then return u, "nothing to move" end
    local values = by_address(u)
    local aux, aux_dists, log_forth = draw_auxiliary(self, values, world, lane)
    local y, log_ratio = propose(self, u, aux, aux_dists, log_forth, world, lane, level, power)
    if not y then return u, "refused" end
    return move.decide(u, y, world, lane, log_ratio)
  end
end

return involutive
