-- SPDX-License-Identifier: MIT
--- The Jacobian of an involution of values by address, trace and auxiliary, over the continuous ones. Values that it passes
-- on as they are, whatever their name, leave the determinant alone and are left out.
local core = require "borel.core"
local shapes = require "borel.shape"

local jacobian = {}

local NAME = "involutive"

local function continuous(dist) return dist and not dist:support().discrete end

--- Adds the continuous values among `dists`, by address, that are in question (nil: all): { where = "trace" | "aux",
-- address, dist }.
function jacobian.add(list, where, dists, in_question)
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
local function symbolic(involve, values, aux, inputs, outputs)
  return function(...)
    local symbols, trace_values, aux_values = { ... }, setmetatable({}, { __index = values }), setmetatable({}, { __index = aux })
    for i, part in ipairs(inputs) do (part.where == "trace" and trace_values or aux_values)[part.address] = symbols[i] end
    local changes, new_aux = involve(trace_values, aux_values)
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

local function derivative(fn, at, tangents)
  local ok, message, slope = pcall(core.jvp, fn, at, tangents)
  if ok then return slope end
  error(("%s (the Jacobian of an involution is found by derivatives: it does mathematics with borel.exp etc. and does not branch "
    .. "on continuous values; or state log_jacobian)"):format(tostring(message)), 0)
end

--- log |det| of involve(values, aux) -> changes, new aux between the numbers of `inputs` and `outputs`, by forward
-- derivatives; NaN or -inf where it has no inverse.
function jacobian.log_determinant(involve, values, aux, inputs, outputs)
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
  local fn = symbolic(involve, values, aux, inputs, outputs)
  for i, part in ipairs(inputs) do
    if not part.passed then
      for k = 1, shapes.size(part.dist:shape()) do
        local tangents = {}
        for other, value in ipairs(at) do
          tangents[other] = other == i and one_hot(value, k) or type(value) == "number" and 0 or core.zeros(value.shape)
        end
        local slope = derivative(fn, at, tangents)
        if part.passed then break end -- as the first call has found
        need_free(part)
        columns[#columns + 1] = shapes.flat(slope)
      end
    end
  end
  if not columns[1] then return 0 end
  return (core.slogdet(core.array(columns)))
end

return jacobian
