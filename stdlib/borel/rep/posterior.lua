-- SPDX-License-Identifier: MIT
--- What inference on programs leaves: draws of traces, whose sites may differ from draw to draw, with or without weights.
--   posterior:summary()        the table as text         posterior:rows()       the same as a list of tables
--   posterior:draws "theta"    list by run of lists, nil where a draw has no such site; "value" is what the model returned
--   posterior:mean(fn)         of fn(value, sites), with its Monte Carlo error
--   posterior:measure()        probabilities of what the model returned, by its text
--   posterior.log_evidence, log_evidence_mcse, acceptance, reliable, problems
local core = require "borel.core"
local options = require "borel.options"
local tables = require "borel.table"
local unit = require "borel.rep.unit"

local Posterior = {}
local late = {} -- what makes a field when it is first asked for: chains may have more draws than anybody looks at
function Posterior:__index(key)
  if Posterior[key] ~= nil then return Posterior[key] end
  if not late[key] then return nil end
  late[key](self)
  return rawget(self, key)
end
Posterior.__tostring = function(self) return self:summary() end

local posterior = {}

local RHAT_LIMIT, ESS_PER_CHAIN, WEIGHT_ESS = 1.01, 100, 100

-- Adds the numbers of a value to `flat` under the names of its elements.
local function flatten(flat, name, value)
  if type(value) == "number" or type(value) == "boolean" then
    flat[name] = type(value) == "number" and value or value and 1 or 0
  elseif core.is_array(value) then
    local elements = tables.elements { name = name, shape = value.shape }
    for k, x in ipairs(value:reshape({ value.size }):totable()) do flat[elements[k]] = type(x) == "boolean" and (x and 1 or 0) or x end
  elseif type(value) == "table" then
    for i, part in ipairs(value) do flatten(flat, ("%s[%d]"):format(name, i), part) end
  end
end

-- The record of each draw: of the ends of all steps, in blocks, every `steps`-th after the warm-up.
local function records_of(ends)
  local records, first = {}, 0
  for _, block in ipairs(ends.blocks) do
    local numbers = block:totable()
    for k = ends.steps, #numbers, ends.steps do
      local draw = (first + k) // ends.steps - ends.warmup
      if draw >= 1 then records[draw] = ends.records[numbers[k]] end
    end
    first = first + #numbers
  end
  return records
end

-- Draws on a tree of runs become lists when they are looked at, and equal weights too.
local Run = {}
function Run.__index(run, key)
  if key == "weights" and run.weight then
    run.weights = {}
    for i = 1, #run.values do run.weights[i] = run.weight end
  elseif (key == "values" or key == "sites") and run.ends then
    run.values, run.sites = {}, {}
    for i, record in ipairs(records_of(run.ends)) do
      if not record.sites then
        record.sites = {}
        for n, address in ipairs(record.address) do record.sites[address] = record.values[n] end
      end
      run.values[i], run.sites[i] = record.value, record.sites
    end
  end
  return rawget(run, key)
end

--- A posterior of runs = { { values = {}, sites = { {address = value} }, log_weights = {} or nil } }, or of { ends = { blocks =
-- {}, steps =, warmup =, draws =, records = { { value =, address = {}, values = {} } } } }; about = { method =, ... } are further fields.
function posterior.new(runs, about)
  local self = setmetatable({ runs = runs, finished = true }, Posterior)
  for name, value in pairs(about) do self[name] = value end
  for _, run in ipairs(runs) do setmetatable(run, Run) end
  self.chain_count, self.draw_count = #runs, runs[1].ends and runs[1].ends.draws or #runs[1].values
  self:weigh()
  return self
end

-- The numbers of each draw by name; draws in a row that share their tables share them here.
local function tabulate(self)
  self.names, self.share = {}, {}
  local seen, total = {}, 0
  for _, run in ipairs(self.runs) do
    run.flat = {}
    for i, value in ipairs(run.values) do
      local flat
      if i > 1 and run.sites[i] == run.sites[i - 1] and rawequal(value, run.values[i - 1]) then
        flat = run.flat[i - 1]
      else
        flat = {}
        for address, x in pairs(run.sites[i]) do flatten(flat, address, x) end
        flatten(flat, "value", value)
      end
      run.flat[i], total = flat, total + 1
      for name in pairs(flat) do seen[name] = (seen[name] or 0) + 1 end
    end
  end
  for name, count in pairs(seen) do
    self.names[#self.names + 1] = name
    self.share[name] = count / total
  end
  table.sort(self.names)
  self.known = seen
end
late.names, late.share, late.known = tabulate, tabulate, tabulate

-- Weights of all draws of all runs, which sum to 1.
function Posterior:weigh()
  if not self.runs[1].log_weights then
    self.weight_ess = #self.runs * self.draw_count
    for _, run in ipairs(self.runs) do
      run.weight, run.total = 1 / self.weight_ess, 1 / #self.runs
    end
    return
  end
  local most = -math.huge
  for _, run in ipairs(self.runs) do
    for _, w in ipairs(run.log_weights) do most = math.max(most, w) end
  end
  local sum, squares = 0, 0
  for _, run in ipairs(self.runs) do
    run.weights = {}
    for i in ipairs(run.values) do
      local w = math.exp(run.log_weights[i] - most)
      run.weights[i], sum, squares = w, sum + w, squares + w * w
    end
  end
  for _, run in ipairs(self.runs) do
    run.total = 0
    for i, w in ipairs(run.weights) do
      run.weights[i] = w / sum
      run.total = run.total + w / sum
    end
  end
  self.weight_ess = sum * sum / squares
end

--- posterior:draws(name): for each run a list of numbers, with nil where a draw has no such element, and its length n.
function Posterior:draws(name)
  if not self.known[name] then options.unknown("the posterior has no value", name, self.known) end
  local lists = {}
  for r, run in ipairs(self.runs) do
    lists[r] = { n = #run.flat }
    for i, flat in ipairs(run.flat) do lists[r][i] = flat[name] end
  end
  return lists
end

--- posterior:mean(fn): the posterior mean of fn(value, sites), a number, and its Monte Carlo error from the spread of the
-- runs (nan for one run).
function Posterior:mean(fn)
  local sum, means = 0, {}
  for r, run in ipairs(self.runs) do
    local part = 0
    for i, w in ipairs(run.weights) do part = part + w * fn(run.values[i], run.sites[i]) end
    sum, means[r] = sum + part, part / run.total
  end
  local squares, n = 0, #means
  for r, run in ipairs(self.runs) do squares = squares + (run.total * (means[r] - sum)) ^ 2 end
  return sum, n > 1 and math.sqrt(squares * n / (n - 1)) or 0 / 0
end

--- posterior:measure(): probability of each returned value, by its text ("1 0" for 1, 0).
function Posterior:measure()
  local measure = {}
  for _, run in ipairs(self.runs) do
    for i, w in ipairs(run.weights) do
      local key = unit.outcome(run.values[i])
      measure[key] = (measure[key] or 0) + w
    end
  end
  return measure
end

-- What sorted values with weights are worth when equal ones count as one: particles that share an ancestor have its values. nan
-- for whole numbers, which are equal by nature.
local function distinct_ess(sorted, total)
  local squares, weight, whole = 0, 0, true
  for i, p in ipairs(sorted) do
    weight, whole = weight + p[2] / total, whole and p[1] == math.floor(p[1])
    if not sorted[i + 1] or sorted[i + 1][1] ~= p[1] then
      squares, weight = squares + weight * weight, 0
    end
  end
  return whole and 0 / 0 or 1 / squares
end

-- Weighted moments and quantiles of one element.
local function weighted_row(self, name)
  local pairs_of, total = {}, 0
  for _, run in ipairs(self.runs) do
    for i, flat in ipairs(run.flat) do
      local x = flat[name]
      if x and run.weights[i] > 0 then
        pairs_of[#pairs_of + 1] = { x, run.weights[i] }
        total = total + run.weights[i]
      end
    end
  end
  local mean, variance = 0, 0
  for _, p in ipairs(pairs_of) do mean = mean + p[2] * p[1] / total end
  for _, p in ipairs(pairs_of) do variance = variance + p[2] * (p[1] - mean) ^ 2 / total end
  table.sort(pairs_of, function(a, b) return a[1] < b[1] end)
  if pairs_of[1] and pairs_of[1][1] == pairs_of[#pairs_of][1] then variance = 0 end
  local row, below = { name = name, value = name, share = total, mean = mean, sd = math.sqrt(variance) }, 0
  for _, p in ipairs(pairs_of) do
    below = below + p[2] / total
    for field, q in pairs { q5 = 0.05, median = 0.5, q95 = 0.95 } do
      if not row[field] and below >= q - 1e-12 then row[field] = p[1] end
    end
  end
  row.ess_bulk, row.rhat, row.mcse_mean = self.markov and 0 / 0 or distinct_ess(pairs_of, total), 0 / 0, 0 / 0
  return row
end

--- posterior:rows(): for each number: name, share (of draws that have it), mean, sd, mcse_mean, q5, median, q95,
-- ess_bulk, rhat; the last two of chains, for what every draw has. With weights ess_bulk is what different values are worth.
function Posterior:rows()
  if self.row_list then return self.row_list end
  local always = {}
  for _, name in ipairs(self.names) do
    if self.share[name] == 1 then always[#always + 1] = name end
  end
  local logs, place = {}, {}
  if self.markov and #always > 0 then
    for r, run in ipairs(self.runs) do
      local numbers = {}
      for _, flat in ipairs(run.flat) do
        for k, name in ipairs(always) do numbers[#numbers + 1], place[name] = flat[name], k end
      end
      logs[r] = core.array(numbers, "f64"):reshape { self.draw_count, #always }
    end
  end
  self.row_list = {}
  for i, name in ipairs(self.names) do
    local row
    if place[name] then
      row = core.summarise(logs, place[name])
      row.name, row.value, row.share = name, name, 1
    else
      row = weighted_row(self, name)
    end
    self.row_list[i] = row
  end
  return self.row_list
end

local function listing(names) return table.concat(names, ", ", 1, math.min(3, #names)) .. (#names > 3 and " and more" or "") end

-- The rule of a fit, as far as it applies.
local function judge(self)
  self.problems = {}
  local function problem(kind, text) self.problems[#self.problems + 1] = { kind = kind, names = {}, text = text } end
  if self.markov then
    local rhat, ess = {}, {}
    for _, row in ipairs(self:rows()) do
      if row.sd > 0 and row.share == 1 then
        if row.rhat ~= row.rhat or row.rhat > RHAT_LIMIT then rhat[#rhat + 1] = row.name end
        if row.ess_bulk ~= row.ess_bulk or row.ess_bulk < ESS_PER_CHAIN * self.chain_count then ess[#ess + 1] = row.name end
      end
    end
    if #rhat > 0 then problem("rhat", ("R-hat above %g or undefined: %s"):format(RHAT_LIMIT, listing(rhat))) end
    if #ess > 0 then problem("ess", ("effective sample size below %d: %s"):format(ESS_PER_CHAIN * self.chain_count, listing(ess))) end
  else
    if self.weight_ess < WEIGHT_ESS then
      problem("ess", ("the weights are worth %.1f draws, fewer than %d"):format(self.weight_ess, WEIGHT_ESS))
    end
    local few = {}
    for _, row in ipairs(self:rows()) do
      if row.share > 1 - 1e-9 and row.sd > 0 and row.ess_bulk < WEIGHT_ESS then few[#few + 1] = row.name end
    end
    if #few > 0 then
      problem("ess", ("values worth fewer than %d different ones, as particles share ancestors: %s; more particles or moves help"):format(
        WEIGHT_ESS, listing(few)))
    end
  end
  self.reliable = #self.problems == 0
end
late.reliable, late.problems = judge, judge

--- posterior:verdict(): "reliable ..." or what speaks against it.
function Posterior:verdict()
  if self.reliable then
    return self.markov and "reliable by R-hat and ESS" or "reliable by the ESS of the weights and of different values"
  end
  local lines = { "unreliable:" }
  for _, problem in ipairs(self.problems) do lines[#lines + 1] = "  " .. problem.text end
  return table.concat(lines, "\n")
end

local number = tables.number
local function count(x) return x ~= x and "-" or ("%.0f"):format(x) end
local function percent(x) return ("%.4g %%"):format(100 * x) end
local function ratio(x) return x ~= x and "-" or ("%.3f"):format(x) end
local columns = { { "in", percent, "share" }, { "mean", number, "mean" }, { "sd", number, "sd" }, { "5 %", number, "q5" },
  { "50 %", number, "median" }, { "95 %", number, "q95" }, { "ESS", count, "ess_bulk" }, { "R-hat", ratio, "rhat" } }

--- posterior:summary([names]): the table as text.
function Posterior:summary(names)
  local out = tables.lines(columns, tables.chosen("posterior:summary", self:rows(), names))
  out[#out + 1] = ("%s: %d runs of %d draws%s%s"):format(self.method, self.chain_count, self.draw_count,
    self.acceptance and (", %.1f %% of steps accepted"):format(100 * self.acceptance) or "",
    self.markov and "" or (", weights worth %.0f"):format(self.weight_ess))
  if self.log_evidence then
    out[#out + 1] = ("log evidence %.4f%s"):format(self.log_evidence, self.log_evidence_mcse == self.log_evidence_mcse
      and (" (MCSE %.4f)"):format(self.log_evidence_mcse) or "")
  end
  return table.concat(out, "\n")
end

--- posterior:report(): the same for programs: a table for core.to_json.
function Posterior:report()
  return { method = self.method, reliable = self.reliable, finished = true, chains = self.chain_count, draws = self.draw_count,
    log_evidence = self.log_evidence, parameters = core.json_list(self:rows()), problems = core.json_list(self.problems) }
end

return posterior
