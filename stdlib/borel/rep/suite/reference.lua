-- SPDX-License-Identifier: MIT
-- What compositions do on finite programs, worked out apart from their blocks: every run of a program by plain recursion, the
-- transition matrices of single moves, and the second moment of the evidence of sequential Monte Carlo.
local handler = require "borel.handler"

local reference = {}

-- Every way through fn: options(address, dist, n, run) -> { { value, probability }, ... } for its n-th choice. A run is {
-- choices = { { address, value, log p, dist } }, factors = log-weights with the number of choices before each,
-- probability = of the options taken }.
local function explore(fn, options, visit)
  local path, run = {}, nil -- { option, options } of each choice
  local h = { deterministic = function() end }
  function h.sample(_, address, dist)
    local n = #run.choices + 1
    local list = options(address, dist, n, run)
    path[n] = path[n] or { 1, #list }
    local value, probability = table.unpack(list[path[n][1]])
    run.choices[n] = { address = address, value = value, log_p = dist:logdensity(value), dist = dist }
    run.probability = run.probability * probability
    return value
  end
  function h.factor(_, _, log_weight)
    run.factors[#run.factors + 1] = { log_weight = log_weight, choices = #run.choices }
    run.log_weight = run.log_weight + log_weight
  end
  repeat
    run = { choices = {}, factors = {}, probability = 1, log_weight = 0 }

    handler.with(h, fn)
    visit(run)
    while path[1] and path[#path][1] == path[#path][2] do path[#path] = nil end
    if path[1] then path[#path][1] = path[#path][1] + 1 end
  until not path[1]
end

-- All values of a finite law that have a probability.
local function values_of(dist)
  local list, support = {}, dist:support()
  for value = support.lowest, support.lowest + support.count - 1 do
    local p = math.exp(dist:logdensity(value))
    if p > 0 then list[#list + 1] = { value, p } end
  end
  return list
end

--- The text of a run: its choices.
function reference.key(choices)
  local parts = {}
  for i, c in ipairs(choices) do parts[i] = ("%s=%d"):format(c.address, c.value) end
  return table.concat(parts, " ")
end
local key = reference.key

local function runs_of(fn)
  local runs = {}
  explore(fn, function(_, dist) return values_of(dist) end, function(run)
    run.key = key(run.choices)
    runs[#runs + 1] = run
  end)
  return runs
end

-- ---- moves ------------------------------------------------------------------------------------------------------------

local function same_support(a, b)
  local s, t = a:support(), b:support()
  return s.lowest == t.lowest and s.count == t.count
end

local function by_address(choices)
  local map = {}
  for _, c in ipairs(choices) do map[c.address] = c end
  return map
end

-- From run x, site `picked` drawn anew, others kept where they are still made with the same support: visit(y, probability,
-- log of the densities that kept values have in y over those in x).
local function redraw(fn, x, picked, visit)
  local old = by_address(x.choices)
  local function keeps(address, dist) return address ~= picked and old[address] and same_support(old[address].dist, dist) end
  explore(fn, function(address, dist)
    if keeps(address, dist) then return { { old[address].value, 1 } } end
    return values_of(dist)
  end, function(y)
    local ratio = 0
    for _, c in ipairs(y.choices) do
      if keeps(c.address, c.dist) then ratio = ratio + c.log_p - old[c.address].log_p end
    end
    visit(y, y.probability, ratio)
  end)
end

-- Rows by key of the run; what is missing from 1 stays.
local function matrix(fn, row_of)
  local rows = {}
  for _, x in ipairs(runs_of(fn)) do
    if x.log_weight > -math.huge then
      local row, moved = {}, 0
      row_of(x, function(y, p)
        row[key(y.choices)], moved = (row[key(y.choices)] or 0) + p, moved + p
      end)
      row[x.key] = (row[x.key] or 0) + 1 - moved
      rows[x.key] = row
    end
  end
  return rows
end

local function accepted(x, y, ratio) return math.min(1, math.exp(y.log_weight - x.log_weight + ratio)) end

--- mh_step(): one of the n(x) choices, each as likely, from its prior; Green's ratio with n(x) / n(y).
function reference.mh(fn)
  return matrix(fn, function(x, to)
    for _, c in ipairs(x.choices) do
      redraw(fn, x, c.address, function(y, p, ratio)
        if y.log_weight > -math.huge then
          to(y, p / #x.choices * accepted(x, y, ratio + math.log(#x.choices) - math.log(#y.choices)))
        end
      end)
    end
  end)
end

-- The masses of the values of a site given the values of the others: list of { run, mass }, their sum, and whether that is
-- all values, or some lead to other sites.
local function conditional(fn, x, site)
  local old, list, total, all = by_address(x.choices), {}, 0, true
  explore(fn, function(address, dist)
    if address ~= site and old[address] then return { { old[address].value, 1 } } end
    return values_of(dist)
  end, function(y)
    local mass, same = math.exp(y.log_weight), #x.choices == #y.choices
    for _, c in ipairs(y.choices) do mass, same = mass * math.exp(c.log_p), same and old[c.address] end
    all = all and same
    if same then list[#list + 1], total = { y, mass }, total + mass end
  end)
  return list, total, all
end

--- gibbs{ site = }: from the conditional law; where some values change the other sites, half of the time, else a move of
-- the site alone, from its prior.
function reference.gibbs(fn, site)
  return matrix(fn, function(x, to)
    if not by_address(x.choices)[site] then return end
    local list, total, all = conditional(fn, x, site)
    local share = all and 1 or 1 / 2
    for _, entry in ipairs(list) do to(entry[1], share * entry[2] / total) end
    if all then return end
    redraw(fn, x, site, function(y, p, ratio)
      if y.log_weight > -math.huge then to(y, (1 - share) * p * accepted(x, y, ratio)) end
    end)
  end)
end

-- ---- particles --------------------------------------------------------------------------------------------------------

local function add(map, k, x) map[k] = (map[k] or 0) + x end

-- Where a run is behind factor `stage`, or at its end: { key, probability of the choices so far }.
local function place(run, stage)
  local factor, p, part = run.factors[stage], 1, {}
  for i = 1, factor and factor.choices or #run.choices do
    part[i], p = run.choices[i], p * math.exp(run.choices[i].log_p)
  end
  return key(part) .. (factor and "|" or "."), p
end

-- The steps of the runs from behind factor s to behind factor s + 1 (`last`: to the end): by place, { to, probability,
-- weight }.
local function steps_from(runs, s, last)
  local steps, seen = {}, {}
  for _, run in ipairs(runs) do
    local from, p = "", 1
    if s > 0 then from, p = place(run, s) end
    local to, q = place(run, last and math.huge or s + 1)
    local log_weight = 0
    for t = s + 1, last and #run.factors or math.min(s + 1, #run.factors) do log_weight = log_weight + run.factors[t].log_weight end
    steps[from] = steps[from] or {}
    if not seen[from .. ">" .. to] then
      seen[from .. ">" .. to] = true
      table.insert(steps[from], { to = to, p = q / p, w = math.exp(log_weight) })
    end
  end
  return steps
end

--- particle_gibbs(2): beside the run x, which is held, one particle that copies one of the two behind each factor, by weight,
-- until both have ended; then one of the two, by weight.
function reference.particle_gibbs(fn)
  local runs, by_key = runs_of(fn), {}
  for _, run in ipairs(runs) do by_key[run.key .. "."] = run end
  return matrix(fn, function(x, to)
    local free, stage = { [""] = 1 }, 0
    repeat
      stage = stage + 1
      local steps, next_free, factor, held = steps_from(runs, stage - 1), {}, x.factors[stage], place(x, stage)
      local w = factor and math.exp(factor.log_weight) or 1
      for a, q in pairs(free) do
        for _, s in ipairs(steps[a]) do
          local share = s.w / (w + s.w)
          if not factor and (by_key[s.to] or s.w == 0) then
            if share > 0 then to(by_key[s.to], q * s.p * share) end
          else
            add(next_free, held, q * s.p * (1 - share))
            if share > 0 then add(next_free, s.to, q * s.p * share) end
          end
        end
      end
      free = next_free
    until not next(free)
  end)
end

-- Measures one and two: of a particle taken twice, and of two particles, with the product of the weights of both.
local function advance(steps, one, two)
  local ones, twos = {}, {}
  for a, x in pairs(one) do
    for _, s in ipairs(steps[a]) do add(ones, s.to, x * s.p * s.w * s.w) end
  end
  for a, row in pairs(two) do
    for b, x in pairs(row) do
      for _, s in ipairs(steps[a]) do
        twos[s.to] = twos[s.to] or {}
        for _, t in ipairs(steps[b]) do add(twos[s.to], t.to, x * s.p * s.w * t.p * t.w) end
      end
    end
  end
  return ones, twos
end

-- Two offspring are one particle with probability 1 / n, else have parents drawn apart, who may be one.
local function resample(n, one, two)
  local ones, twos = {}, {}
  for a, x in pairs(one) do
    add(ones, a, x / n)
    twos[a] = { [a] = (1 - 1 / n) * x }
  end
  for a, row in pairs(two) do
    twos[a] = twos[a] or {}
    for b, x in pairs(row) do
      add(ones, a, x / n)
      add(twos[a], b, (1 - 1 / n) * x)
    end
  end
  return ones, twos
end

--- E Z^2 / (E Z)^2 - 1 of the evidence of n particles that are resampled behind each of the first k factors by n
-- independent draws (k = 0: importance sampling), by a recursion over pairs of particles (Cerou, Del Moral and Guyader 2011,
-- Ann. Inst. H. Poincare 47:629, section 3).
function reference.relative_variance(fn, n, k)
  local runs, total = runs_of(fn), 0
  for _, run in ipairs(runs) do total = total + run.probability * math.exp(run.log_weight) end
  local one, two = { [""] = 1 / n }, { [""] = { [""] = 1 - 1 / n } }
  for s = 0, k - 1 do
    one, two = advance(steps_from(runs, s), one, two)
    one, two = resample(n, one, two)
  end
  one, two = advance(steps_from(runs, k, true), one, two)
  local second = 0
  for _, x in pairs(one) do second = second + x end
  for _, row in pairs(two) do
    for _, x in pairs(row) do second = second + x end
  end
  return second / total ^ 2 - 1
end

return reference
