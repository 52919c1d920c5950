-- SPDX-License-Identifier: MIT
--- Trace Metropolis-Hastings for programs whose choices are single values of finite laws: what a run did is remembered
-- (core.tree), so that a step among known places runs no Lua at all. The kernel is that of rep.mh_step.
local core = require "borel.core"
local unit = require "borel.rep.unit"

local tree = {}

local MOST_PLACES, MOST_VALUES = 4000000, 4096

-- Numbers for what is met, from 1, by its text.
local function numbering()
  local numbers, list = {}, {}
  return function(text, value)
    local number = numbers[text]
    if not number then
      number = #list + 1
      numbers[text], list[number] = number, value
    end
    return number
  end, list
end

-- Lowest value and number of values, when a choice has finitely many; nil otherwise.
local function range_of(dist)
  if dist == unit.INSIDE or #dist:shape() > 0 then return nil end
  local s = dist:support()
  if not s.discrete or not s.count or s.count > MOST_VALUES then return nil end
  return s.lowest, s.count
end

--- tree.new(program): { runs = core.tree's userdata, ends = { { value =, address = {}, values = {} } } by number }.
function tree.new(program)
  local self = {}
  local site_number = numbering()
  local support_number = numbering()
  local law_text, law_of = numbering()
  local end_number, ends = numbering()
  self.ends = ends

  local function law(dist, lowest, count)
    local text = { dist.law.name }
    for i, arg in ipairs(dist.args) do text[i + 1] = unit.text_of(arg) end
    if dist.modifier then text[#text + 1] = tostring(dist.modifier) end
    local number = law_text(table.concat(text, " "), false)
    if not law_of[number] then
      local p = {}
      for k = 1, count do p[k] = math.exp(dist:logdensity(lowest + k - 1)) end
      law_of[number] = self.runs:law(support_number(lowest .. " " .. count, true), p)
    end
    return law_of[number]
  end

  local given, before, asked, live = {}, 0, nil, nil -- choices, the score at the last of them, the choice that comes next, a run there
  local function choose(n, address, dist, so_far)
    local lowest, count = range_of(dist)
    if not lowest or not given[n] then
      asked = lowest and { site = site_number(address, true), law = law(dist, lowest, count) }
      return nil
    end
    before = so_far
    return lowest + given[n] - 1
  end

  -- Does the run that stopped last go on to `choices`?
  local function goes_on(choices)
    if not live or #choices ~= #given + 1 then return false end
    for n, choice in ipairs(given) do
      if choices[n] ~= choice then return false end
    end
    return true
  end

  self.runs = core.tree(function(choices)
    local from = goes_on(choices) and live or nil
    if not from then before = 0 end
    given, asked, live = choices, nil, nil
    local kind, value, score, lists
    kind, value, score, lists, live = unit.explore(program, choose, from)
    if kind == "dead" then return "dead", 0, 0, 0 end
    if kind == "choice" then
      if asked then return "choice", score - before, asked.site, asked.law end
      return nil
    end
    local record = { value = value, address = lists.address, values = lists.value, score = score }
    return "end", score - before, end_number(table.concat(choices, " "), record), 0
  end, MOST_PLACES)
  return self
end

return tree
