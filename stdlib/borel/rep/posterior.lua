-- SPDX-License-Identifier: MIT
--- What inference on programs leaves: draws of traces, whose sites may differ from draw to draw, with or without weights.
--   posterior:summary()        the table as text         posterior:rows()       the same as a list of tables
--   posterior:draws "theta"    list by run of lists, nil where a draw has no such site; "value" is what the model returned
--   posterior:mean(fn)         of fn(value, sites), with its Monte Carlo error
--   posterior:measure()        probabilities of what the model returned, by its text
--   posterior.log_evidence, log_evidence_mcse, acceptance, reliable, problems, directory
local core = require "borel.core"
local fit = require "borel.fit"
local options = require "borel.options"
local record = require "borel.rep.record"
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

-- Draws of a log become lists when they are looked at, and equal weights too. Draws of equal bits share their tables.
local Run = {}
function Run.__index(run, key)
  if key == "weights" and run.weight then
    run.weights = {}
    for i = 1, run.size do run.weights[i] = run.weight end
  elseif key == "values" or key == "sites" then
    run.values, run.sites = {}, {}
    local known, layouts, log = {}, {}, run.log
    for i, number in ipairs(run.index) do
      local draw = known[number]
      if not draw then
        local id, numbers = log.records:get(number)
        layouts[id] = layouts[id] or core.parse_json(log.layouts[id])
        draw = table.pack(record.decode(layouts[id], numbers))
        known[number] = draw
      end
      run.values[i], run.sites[i] = draw[1], draw[2]
    end
  end
  return rawget(run, key)
end

-- Of a log: the first `count` draws of a chain, or those of a population that have a weight.
local function run_of(log, count, markov)
  local run = { log = log, index = {} }
  if markov then
    table.move(log.index, 1, count, 1, run.index)
  else
    run.log_weights = {}
    for i, number in ipairs(log.index) do
      if log.info[i] > -math.huge then run.index[#run.index + 1], run.log_weights[#run.log_weights + 1] = number, log.info[i] end
    end
  end
  run.size = #run.index
  return setmetatable(run, Run)
end

-- The share of accepted steps.
local function mean_acceptance(runs, count)
  local sum = 0
  for _, run in ipairs(runs) do
    for i = 1, count do sum = sum + run.log.info[i] end
  end
  return sum / (#runs * count)
end

-- log of the mean evidence of the runs, and its error: that of their spread.
local function evidence(runs)
  local totals, most, n = {}, -math.huge, #runs
  for r, run in ipairs(runs) do
    totals[r] = run.size > 0 and core.log_total(run.log_weights) or -math.huge
    most = math.max(most, totals[r])
  end
  local sum, squares = 0, 0
  for _, total in ipairs(totals) do sum = sum + math.exp(total - most) / n end
  for _, total in ipairs(totals) do squares = squares + (math.exp(total - most) - sum) ^ 2 end
  return most + math.log(sum), n > 1 and math.sqrt(squares / (n - 1) / n) / sum or 0 / 0
end

--- The posterior in a run directory of a method; manifest as of fit.manifest.
function posterior.open(directory, manifest)
  local markov, wanted = manifest.method.markov, manifest.options.draws
  local self = setmetatable({ directory = directory, manifest = manifest, method = manifest.kernel.name, markov = markov, finished = true,
    runs = {} }, Posterior)
  local logs, draws = fit.load_chains(self, manifest, function(path)
    local log = core.read_draws(path)
    if not markov and log.draws < wanted then log.draws = 0 end -- it counts when it is whole
    return log
  end)
  for r, log in ipairs(logs) do self.runs[r] = run_of(log, draws, markov) end
  self.chain_count, self.draw_count = #self.runs, self.runs[1] and self.runs[1].size or 0
  if #logs == 0 then return self end
  if markov then
    self.acceptance = mean_acceptance(self.runs, draws)
  else
    self.log_evidence, self.log_evidence_mcse = evidence(self.runs)
    if self.log_evidence ~= self.log_evidence then
      core.error(("%s: no particle of any run has a weight: a factor or an observation excludes what the prior draws"):format(self.method))
    end
  end
  self:weigh()
  return self
end

-- The numbers of each draw by name; draws that share their tables share them here.
local function tabulate(self)
  self.names, self.share = {}, {}
  local seen, total = {}, 0
  for _, run in ipairs(self.runs) do
    run.flat = {}
    local flats = {}
    for i, sites in ipairs(run.sites) do
      local flat = flats[sites]
      if not flat then
        flat = {}
        for address, x in pairs(sites) do flatten(flat, address, x) end
        flatten(flat, "value", run.values[i])
        flats[sites] = flat
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
  row.ess_bulk, row.ess_tail = self.markov and 0 / 0 or distinct_ess(pairs_of, total), 0 / 0
  row.rhat, row.mcse_mean, row.mcse_sd = 0 / 0, 0 / 0, 0 / 0
  return row
end

--- posterior:rows(): for each number: name, share (of draws that have it), mean, sd, mcse_mean, mcse_sd, q5, median, q95, ess_bulk,
-- ess_tail, rhat; errors, sizes and R-hat are of chains, for what every draw has. With weights ess_bulk is what different values
-- are worth.
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
  if self.draw_count == 0 then
    self.reliable = false
    return
  end
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
  self.reliable = #self.problems == 0 and self.finished
end
late.reliable, late.problems = judge, judge

--- posterior:verdict(): "reliable ..." or what speaks against it, with the run directory.
function Posterior:verdict()
  local lines = {}
  for _, note in ipairs(self.notes) do lines[#lines + 1] = "note: " .. note end
  if self.draw_count == 0 then
    lines[#lines + 1] = "no draws yet"
  elseif #self.problems == 0 then
    lines[#lines + 1] = not self.finished and "nothing speaks against the draws so far"
      or self.markov and "reliable by R-hat and ESS" or "reliable by the ESS of the weights and of different values"
  else
    lines[#lines + 1] = "unreliable:"
    for _, problem in ipairs(self.problems) do lines[#lines + 1] = "  " .. problem.text end
  end
  lines[#lines + 1] = "run directory: " .. self.directory
  return table.concat(lines, "\n")
end

local function percent(x) return ("%.4g %%"):format(100 * x) end
local columns = table.move(tables.estimates, 1, #tables.estimates, 2, { { "in", percent, "share" } })

--- posterior:summary([names]): the table as text.
function Posterior:summary(names)
  if self.draw_count == 0 then return self:verdict() end
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
  return { method = self.method, directory = self.directory, reliable = self.reliable, finished = self.finished,
    chains = self.chain_count, draws = self.draw_count, acceptance = self.acceptance, log_evidence = self.log_evidence,
    log_evidence_mcse = self.log_evidence_mcse, weight_ess = self.weight_ess,
    parameters = core.json_list(self.draw_count > 0 and self:rows() or {}), problems = core.json_list(self.problems),
    notes = core.json_list(self.notes) }
end

return posterior
