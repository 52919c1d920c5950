-- SPDX-License-Identifier: MIT
--- borel.marginal(model, ...): what a finite model returns, as a law. It may be asked for inside another model: nested
-- inference, of one who reasons about another's reasoning (Stuhlmueller and Goodman, Cognitive Systems Research 28, 2014).
local core = require "borel.core"
local dist = require "borel.dist"
local handler = require "borel.handler"
local model = require "borel.model"

local BUDGET = 100000

local Marginal = {}
Marginal.__index = Marginal

--- The probability of a value, 0 for one that the model does not return.
function Marginal:p(value)
  local k = self.place[model.outcome(value)]
  return k and self.probabilities[k] or 0
end

--- Its logarithm.
function Marginal:log_p(value) return math.log(self:p(value)) end

--- A value drawn by the model around, whose site `name` is the value's place in `values`.
function Marginal:sample(name) return self.values[handler.sample(name, dist.categorical(self.probabilities))] end

-- Numbers, texts, truths and lists of them as a text that tells them apart; nil for others, which may change.
local function text_of(value)
  local kind = math.type(value) or type(value)
  if kind == "float" then return ("%a"):format(value) end
  if kind ~= "table" then
    return (kind == "integer" or kind == "string" or kind == "boolean" or kind == "nil") and ("%s %q"):format(kind, value) or nil
  end
  local parts, count = {}, 0
  for i, part in ipairs(value) do
    parts[i] = text_of(part)
    if not parts[i] then return nil end
  end
  for _ in pairs(value) do count = count + 1 end
  return count == #parts and getmetatable(value) == nil and "{" .. table.concat(parts, ",") .. "}" or nil
end

local function normalised(outcomes)
  local self = setmetatable({ values = {}, probabilities = {}, place = {}, total = 0 }, Marginal)
  for _, outcome in ipairs(outcomes) do self.total = self.total + outcome.mass end
  if self.total == 0 then core.error "borel.marginal: the model has no mass: every run has a factor of 0" end
  for _, outcome in ipairs(outcomes) do
    if outcome.mass > 0 then
      local k = #self.values + 1
      self.values[k], self.probabilities[k], self.place[outcome.key] = outcome.value, outcome.mass / self.total, k
    end
  end
  return self
end

local known = setmetatable({}, { __mode = "k" }) -- by model, then by the text of the arguments

--- borel.marginal(model, ...): the law of what model(...) returns, all choices enumerated (at most 100000 paths): { values =
-- list, probabilities = list, total = evidence } with the methods p(value), log_p(value), sample(name). Results for
-- arguments that are numbers, texts, truths or lists of them are remembered, so a model must depend on nothing else that changes.
return function(m, ...)
  model.need("borel.marginal", m)
  local key = text_of { ... }
  local laws = known[m] or {}
  known[m] = laws
  if key and laws[key] then return laws[key] end
  local law = normalised(model.outcomes(m, BUDGET, ...))
  if key then laws[key] = law end
  return law
end
