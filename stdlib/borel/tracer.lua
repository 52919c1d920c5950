-- SPDX-License-Identifier: MIT
--- The handler that turns a model into a graph: every site becomes an input, every term a node.
local core = require "borel.core"
local shapes = require "borel.shape"
local sites = require "borel.sites"

local Tracer = {}
Tracer.__index = Tracer

local tracer = {}

--- `whole`: sites that are to be summed out stay unknowns.
function tracer.new(graph, whole)
  return setmetatable({ traces = true, graph = graph, target = core.model(graph), sites = sites.new(), names = {},
    constants = {}, whole = whole, summed = {} }, Tracer)
end

local MOST_NAMED = 4

--- "z (3 values, 20 elements), k (5 values)" for sites that are summed out, those of a loop together; nil when there are none.
function tracer.summed_text(summed)
  local families, texts = {}, {}
  for _, site in ipairs(summed) do
    local last, base = families[#families], site.name:match "^(.+)%[[^%]]*%]$" or site.name
    if last and last.name == base and last.count == site.count then
      last.size = last.size + site.size
    else
      families[#families + 1] = { name = base, count = site.count, size = site.size }
    end
  end
  for i = 1, math.min(#families, MOST_NAMED) do
    local f = families[i]
    texts[i] = ("%s (%d values%s)"):format(f.name, f.count, f.size > 1 and (", %d elements"):format(f.size) or "")
  end
  if #families > MOST_NAMED then texts[#texts + 1] = ("and %d more"):format(#families - MOST_NAMED) end
  return families[1] and table.concat(texts, ", ")
end

--- The names of those of which a run keeps draws.
function tracer.kept(summed)
  local names = {}
  for _, site in ipairs(summed) do
    if site.keep then names[#names + 1] = site.name end
  end
  return names
end

function Tracer:term(label, value, likelihood) self.target:term(label, value, likelihood) end

-- The input of a site that will be summed out; `keep`: the values of a draw have one of it.
function Tracer:to_sum(address, label, dist, keep)
  local support, shape = dist:support(), dist:shape()
  if not support.discrete then
    core.error(("site '%s': %s is continuous; only a discrete site can be summed out (marginalize)"):format(address, dist.law.name))
  end
  if not support.count then
    core.error(("site '%s' cannot be summed out: %s has no largest value; truncate it, or let it be drawn"):format(address,
      dist.law.name))
  end
  if #dist:event_shape() > 0 then
    core.error(("site '%s' cannot be summed out: a value of %s is an array"):format(address, dist.law.name))
  end
  local x = self.graph:input(shape, "i64")
  self.summed[#self.summed + 1] = { name = address, label = label, input = x, lowest = support.lowest, count = support.count,
    size = shapes.size(shape), keep = keep }
  self:term(label, dist:inside(x), false)
  if keep then self.target:value(address, x) end
  return x
end

--- After the model has run: sums out the sites that are marked so, in their order; for a chain that is its forward recursion.
function Tracer:finish()
  for _, site in ipairs(self.summed) do self.target:sum_out(site.name, site.label, site.input, site.lowest, site.count) end
end

function Tracer:sample(address, dist, marginalize)
  local label = self.sites:add(address)
  if marginalize and not self.whole then return self:to_sum(address, label, dist, marginalize == "kept") end
  self.names[#self.names + 1] = address
  self.constants[address] = dist:constant_elements()
  local support, shape = dist:support(), dist:shape()
  local x
  if support.discrete then
    if not support.count then
      core.error(("site '%s': %s has no largest value, so it cannot be an unknown of this kind of inference"):format(address,
        dist.law.name))
    end
    x = self.graph:input(shape, "i64")
    self.target:site(address, x, "z", support.lowest, support.count)
    self:term(label, dist:inside(x), false)
  else
    local u = self.graph:input(dist:free_shape(), "f64")
    self.target:site(address, u, "u")
    local log_jacobian
    x, log_jacobian = dist:constrain(u)
    local lp = core.sum(dist:inside(x))
    if log_jacobian then lp = lp + core.sum(log_jacobian) end
    self:term(label, lp, false)
  end
  self.target:value(address, x)
  return x
end

function Tracer:observe(address, dist, value)
  local label
  label, value = self.sites:observed(address, dist, value)
  self:term(label, dist:logdensity(value), true)
  return value
end

function Tracer:factor(name, log_weight)
  local label = self.sites:factor(name)
  if type(log_weight) == "number" and log_weight ~= log_weight then core.error("factor: the log-weight is NaN") end
  self:term(label, log_weight, true)
end

function Tracer:deterministic(name, value)
  self.sites:add(name, "deterministic value")
  if type(value) == "table" and getmetatable(value) == nil then value = core.stack(value) end
  if type(value) ~= "number" and not core.is_array(value) and not core.is_symbolic(value) then
    core.error(("deterministic '%s': the value is a %s, not a number or an array"):format(name, type(value)))
  end
  self.target:value(name, value)
end

return tracer
