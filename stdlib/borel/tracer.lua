-- SPDX-License-Identifier: MIT
--- The handler that turns a model into a graph: every site becomes an input, every term a node.
local core = require "borel.core"
local sites = require "borel.sites"

local Tracer = {}
Tracer.__index = Tracer

local tracer = {}

function tracer.new(graph)
  return setmetatable({ traces = true, graph = graph, target = core.model(graph), sites = sites.new(), names = {},
    constants = {} }, Tracer)
end

function Tracer:term(label, value, likelihood) self.target:term(label, value, likelihood) end

function Tracer:sample(address, dist)
  local label = self.sites:add(address)
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
