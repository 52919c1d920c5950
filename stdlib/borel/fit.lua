-- SPDX-License-Identifier: MIT
--- Fits: the draws of a run, read from its directory, and what can be said of them.
--   fit:summary()        the table as text          fit:rows()      the same as a list of tables
--   fit:draws "theta"    array [chains, draws, ...] fit:info "energy"  [chains, draws] of the kernel
--   fit.reliable, fit.problems, fit.divergences, fit.directory
--   fit:predict(...)     predict.lua                fit:loo(), fit:waic(), fit:log_likelihood()  accuracy.lua
local core = require "borel.core"
local options = require "borel.options"
local tables = require "borel.table"

local Fit = {}
local fit = { methods = Fit } -- others add theirs: predict.lua, accuracy.lua

-- The rule of `unreliable` (Vehtari et al. 2021, section 4, for R-hat and ESS; Betancourt 2016 for E-BFMI).
local RHAT_LIMIT, ESS_PER_CHAIN, EBFMI_LIMIT, DIVERGENCE_SHARE = 1.01, 100, 0.3, 0.001

-- ---- reading --------------------------------------------------------------------------------------------------

--- Logs of all chains that have draws, and the number of draws of the shortest; notes on what is missing go to self. read(path) ->
-- a log with its number of `draws` and, where it is damaged, what is wrong with its `tail`.
function fit.load_chains(self, manifest, read)
  local logs, shortest = {}, math.huge
  self.notes = {}
  for c = 1, manifest.options.chains do
    local path = ("%s/chain-%d.log"):format(self.directory, c)
    if not core.file_info(path) then
      shortest = 0
      self.notes[#self.notes + 1] = ("chain %d has not started"):format(c)
    else
      local log = read(path)
      logs[#logs + 1] = log
      shortest = math.min(shortest, log.draws)
      if log.tail then
        self.notes[#self.notes + 1] = log.tail
        -- A run that was killed ends in the middle of a record, behind what its checkpoint knows.
        self.damaged = self.damaged or not log.tail:find "cut"
      end
    end
  end
  local wanted = manifest.options.draws
  if shortest == 0 and #logs > 0 then -- chains without draws say nothing: leave them out
    local kept = {}
    for _, log in ipairs(logs) do
      if log.draws > 0 then kept[#kept + 1] = log end
    end
    logs, shortest = kept, math.huge
    for _, log in ipairs(kept) do shortest = math.min(shortest, log.draws) end
  end
  if self.damaged then
    self.finished = false
    self.notes[#self.notes + 1] = "the draws before the damage are shown; the run cannot be continued from it: start a new one"
  elseif #logs < manifest.options.chains or shortest < wanted then
    self.notes[#self.notes + 1] = ("the run is not finished: %d of %d chains have draws, the shortest %d of %d; "
      .. "continue with: borel resume %s"):format(#logs, manifest.options.chains, #logs > 0 and shortest or 0, wanted, self.directory)
    self.finished = false
  end
  return logs, #logs > 0 and shortest or 0
end

local required = {
  options = { chains = "number", draws = "number", warmup = "number", seed = "number", checkpoint = "number" },
  kernel = { name = "string", parameters = "table" }, engine = { id = "string", data = "string" },
  folder = "string", call = "number", previous = "table", sites = "table", overrides = "table",
}

-- Checks what others rely on: a manifest may have been edited or damaged.
local function check_fields(path, value, want, name)
  if type(want) == "table" then
    if type(value) ~= "table" then error(("%s/manifest.json: damaged: '%s' is missing or no object"):format(path, name), 0) end
    for field, kind in pairs(want) do check_fields(path, value[field], kind, name == "" and field or name .. "." .. field) end
  elseif type(value) ~= want then
    error(("%s/manifest.json: damaged: '%s' is missing or no %s"):format(path, name, want), 0)
  end
end

--- The manifest of the run in `directory`, checked.
function fit.manifest(directory)
  local rundir = core.rundir_open(directory, false)
  local manifest = core.parse_json(rundir:read_manifest())
  rundir:close()
  check_fields(directory, manifest, required, "")
  if manifest.method ~= nil then check_fields(directory, manifest.method, { markov = "boolean" }, "method") end
  if manifest.script ~= nil then
    check_fields(directory, manifest.script, { path = "string", hash = "string", arguments = "table" }, "script")
  end
  local chains, call = manifest.options.chains, manifest.call
  if math.type(chains) ~= "integer" or chains < 1 or chains > 10000 or math.type(call) ~= "integer" or call < 1
    or call ~= #manifest.previous + 1 then
    error(directory .. "/manifest.json: damaged: 'options.chains' or 'call' is out of range", 0)
  end
  return manifest
end

--- Opens the run in `directory`, a fit or a posterior of programs; errors name the file.
function fit.open(directory)
  local manifest = fit.manifest(directory)
  if manifest.method then return require("borel.rep.posterior").open(directory, manifest) end
  local self = setmetatable({ directory = directory, manifest = manifest, finished = true }, Fit)
  local logs, draws = fit.load_chains(self, manifest, core.read_log)
  self.draw_count, self.chain_count = draws, #logs
  self.values, self.columns, self.info_columns = {}, {}, {}
  if #logs == 0 then return self end
  local header = core.parse_json(logs[1].header)
  local offset = 0
  for _, value in ipairs(header.values) do
    value.shape = core.is_array(value.shape) and value.shape:totable() or {}
    value.offset, value.elements = offset, tables.elements(value)
    self.values[#self.values + 1] = value
    self.columns[value.name] = value
    for k, name in ipairs(value.elements) do
      if not self.columns[name] then self.columns[name] = { name = name, shape = {}, offset = offset + k - 1, elements = { name } } end
    end
    offset = offset + #value.elements
  end
  for i, name in ipairs(header.info) do self.info_columns[name] = i end
  self.value_logs, self.info_logs = {}, {}
  for c, log in ipairs(logs) do
    self.value_logs[c] = log.draws == draws and log.values or log.values:slice(1, draws)
    self.info_logs[c] = #header.info == 0 and log.info or log.draws == draws and log.info or log.info:slice(1, draws)
  end
  self:judge()
  return self
end

-- ---- access -----------------------------------------------------------------------------------------------------

Fit.__index = Fit
Fit.__tostring = function(self) return self:summary() end -- print(fit)

local function need_draws(self)
  if self.draw_count == 0 then core.error(self.directory .. ": no chain has draws yet") end
end

--- fit:draws(name): array [chains, draws] + the shape of the value; "theta" or "theta[3]".
function Fit:draws(name)
  need_draws(self)
  local value = self.columns[name]
  if not value then options.unknown("the run has no value", name, self.columns) end
  local width, columns = #value.elements, {}
  for c, log in ipairs(self.value_logs) do
    columns[c] = log[{ ":", { value.offset + 1, value.offset + width } }]:reshape { self.draw_count * width }
  end
  local shape = { self.chain_count, self.draw_count }
  for _, n in ipairs(value.shape) do shape[#shape + 1] = n end
  return core.stack(columns):reshape(shape)
end

-- What the kernel, or a part of it, says by this name: "energy", or "2.energy" of part 2.
local function info_called(self, name)
  local found = {}
  for full in pairs(self.info_columns) do
    if full == name or full:match "[^.]+$" == name then found[#found + 1] = full end
  end
  table.sort(found)
  return found
end

--- fit:info(name): array [chains, draws] of what the kernel says of its steps: "energy", "step_size", ...; of part 2 of a
-- composition "2.step_size", or short "step_size" where no other part says that. NaN where a part took no step.
function Fit:info(name)
  need_draws(self)
  local found = self.info_columns[name] and { name } or info_called(self, name)
  if #found == 0 then options.unknown("the kernel reports no", name, self.info_columns) end
  if #found > 1 then core.error(("several parts of the kernel report '%s': %s"):format(name, table.concat(found, ", "))) end
  local column = self.info_columns[found[1]]
  local columns = {}
  for c, log in ipairs(self.info_logs) do columns[c] = log[{ ":", column }] end
  return core.stack(columns):reshape { self.chain_count, self.draw_count }
end

--- fit:rows(): one table for each scalar: name, value (what it is an element of), mean, sd, mcse_mean, mcse_sd, q5,
-- median, q95, ess_bulk, ess_tail, rhat.
function Fit:rows()
  if not self.row_list then
    self.row_list = {}
    for _, value in ipairs(self.values) do
      for k, name in ipairs(value.elements) do
        local row = core.summarise(self.value_logs, value.offset + k)
        row.name, row.value = name, value.name
        self.row_list[#self.row_list + 1] = row
      end
    end
  end
  return self.row_list
end

--- The arguments of a method that runs a model at the draws: ([model,] options) -> model, options. Without a model,
-- or without `data` among the options, it is that of the run; a fit that was opened from its directory has neither.
function fit.subject(self, what, m, opts, known)
  need_draws(self)
  if type(m) == "table" and not m.is_model and opts == nil then m, opts = nil, m end
  opts = options.check(what, opts, known)
  if m ~= nil and not (type(m) == "table" and m.is_model) then
    core.error(("%s: the first argument is a model or the options, got a %s"):format(what, type(m)))
  end
  if m == nil and not self.model then
    core.error(what .. (self.density and ": the density of a plugin has no observed sites"
      or (": this fit was read from its directory; give the model: %s(model, { data = ... })"):format(what)))
  end
  if type(opts.data) == "string" then opts.data = require "borel.read"(opts.data) end
  if opts.data == nil then opts.data = self.data end
  return m or self.model, opts
end

-- ---- judgement ---------------------------------------------------------------------------------------------------

-- "a, b, c and 5 more"
local function listing(names)
  local shown = table.move(names, 1, math.min(3, #names), 1, {})
  local text = table.concat(shown, ", ")
  if #names > 3 then text = ("%s and %d more"):format(text, #names - 3) end
  return text
end

-- The 0-based places of one value of `site` that its support declares constant, and how many elements one value has.
local function constants_of(self, site, count)
  local constants = self.manifest.constants and self.manifest.constants[site]
  if constants == nil then return {}, 1 end
  local runs, size = constants.runs, constants.size
  if not core.is_array(runs) or #runs.shape ~= 2 or runs.shape[2] ~= 2 or math.type(size) ~= "integer" or size < 1 then
    error(("%s/manifest.json: damaged: 'constants' of %s"):format(self.directory, site), 0)
  end
  local fixed = {}
  for _, run in ipairs(runs:totable()) do
    for k = math.max(run[1], 0), math.min(run[2], size - 1, count - 1) do fixed[k] = true end
  end
  return fixed, size
end

-- Names of the elements of unknowns that can move: all but those that a support declares constant, such as the diagonal
-- of a correlation matrix.
local function movable(self)
  local can = {}
  for _, site in ipairs(self.manifest.sites) do
    local elements = self.columns[site] and self.columns[site].elements or {}
    local fixed, size = constants_of(self, site, #elements)
    for k, name in ipairs(elements) do can[name] = not fixed[(k - 1) % size] end
  end
  return can
end

--- The set of the names in a list; of anything else, such as a field that a manifest lacks, the empty one.
function fit.set_of(names)
  local set = {}
  for _, name in ipairs(type(names) == "table" and names or {}) do set[name] = true end
  return set
end

-- Discrete unknowns that had other values in the warm-up, by name: what has one value ever since is certain, not stuck.
local function settled(self)
  local discrete, names = fit.set_of(self.manifest.discrete), {}
  if next(discrete) == nil then return names end
  for c = 1, self.chain_count do
    local warmup = core.read_log(("%s/chain-%d.log"):format(self.directory, c), true)
    for _, row in ipairs(warmup.draws > 0 and self:rows() or {}) do
      if row.sd == 0 and discrete[row.value] and not names[row.name] then
        local column = warmup.values[{ ":", self.columns[row.name].offset + 1 }]
        names[row.name] = core.sum(core.abs(column - row.mean)) > 0
      end
    end
  end
  return names
end

--- Fills fit.problems, fit.reliable, fit.divergences by the general rule: R-hat > 1.01, bulk or tail ESS
-- < 100 x chains, E-BFMI < 0.3, divergences > 0.1 % of the draws, or an element that never moved and could.
-- Sites that were summed out are not looked at.
function Fit:judge()
  self.problems, self.divergences, self.reliable = {}, 0, false
  if self.draw_count == 0 then return end
  if self.chain_count == 1 then
    self.notes[#self.notes + 1] = "R-hat of one chain compares its halves; only several chains can show a mode that one never met"
  end
  local function problem(kind, names, text) self.problems[#self.problems + 1] = { kind = kind, names = names, text = text } end
  local rhat, ess, stuck, wanted = {}, {}, {}, ESS_PER_CHAIN * self.chain_count
  local can_move, certain, summed = movable(self), nil, fit.set_of(self.manifest.summed)
  for _, row in ipairs(self:rows()) do
    if row.sd == 0 then
      if can_move[row.name] then
        certain = certain or settled(self)
        if not certain[row.name] then stuck[#stuck + 1] = row.name end
      end
    elseif not summed[row.value] then -- draws given the others: they converge as these do
      if row.rhat ~= row.rhat or row.rhat > RHAT_LIMIT then rhat[#rhat + 1] = row.name end
      if not (row.ess_bulk >= wanted and row.ess_tail >= wanted) then ess[#ess + 1] = row.name end
    end
  end
  if #stuck > 0 then problem("stuck", stuck, ("never moved: %s"):format(listing(stuck))) end
  if #rhat > 0 then problem("rhat", rhat, ("R-hat above %g or undefined: %s"):format(RHAT_LIMIT, listing(rhat))) end
  if #ess > 0 then problem("ess", ess, ("effective sample size below %d: %s"):format(wanted, listing(ess))) end
  local energies, divergings = info_called(self, "energy"), info_called(self, "diverging")
  if #energies == 1 then
    local low = {}
    for c, value in ipairs(core.ebfmi(self.info_logs, self.info_columns[energies[1]])) do
      if value < EBFMI_LIMIT then low[#low + 1] = ("chain %d (%.2f)"):format(c, value) end
    end
    if #low > 0 then problem("ebfmi", low, ("E-BFMI below %g: %s"):format(EBFMI_LIMIT, listing(low))) end
  end
  if #divergings > 0 then
    local any = core.gt(self:info(divergings[1]), 0) -- not so where NaN: of a part that took no step
    for i = 2, #divergings do any = any | core.gt(self:info(divergings[i]), 0) end
    self.divergences = math.tointeger(core.sum(core.where(any, 1, 0)))
    local total = self.chain_count * self.draw_count
    if self.divergences > DIVERGENCE_SHARE * total then
      problem("divergences", {}, ("%d of %d draws diverged, more than %g %%"):format(self.divergences, total, 100 * DIVERGENCE_SHARE))
    end
  end
  self.reliable = #self.problems == 0 and self.finished
end

--- fit:verdict(): "reliable ..." or what speaks against it, with the run directory.
function Fit:verdict()
  local lines = {}
  for _, note in ipairs(self.notes) do lines[#lines + 1] = "note: " .. note end
  if self.draw_count == 0 then
    lines[#lines + 1] = "no draws yet"
  elseif #self.problems == 0 then
    lines[#lines + 1] = self.finished and "reliable by R-hat, ESS, E-BFMI and divergences" or "nothing speaks against the draws so far"
  else
    lines[#lines + 1] = "unreliable:"
    for _, problem in ipairs(self.problems) do lines[#lines + 1] = "  " .. problem.text end
  end
  lines[#lines + 1] = "run directory: " .. self.directory
  return table.concat(lines, "\n")
end

-- ---- the table -----------------------------------------------------------------------------------------------------

--- fit:summary([names]): the summary table as text, of all values or of those named ("theta" or {"mu", "theta[3]"}), with
-- divergences below it.
function Fit:summary(names)
  if self.draw_count == 0 then return self:verdict() end
  local out = tables.lines(tables.estimates, tables.chosen("fit:summary", self:rows(), names))
  local function some(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end
  out[#out + 1] = some(self.chain_count, "chain") .. " of " .. some(self.draw_count, "draw") .. ", "
    .. some(self.divergences, "divergence")
  return table.concat(out, "\n")
end

--- fit:report(): the same for programs: a table for core.to_json.
function Fit:report()
  return {
    directory = self.directory, finished = self.finished, reliable = self.reliable, chains = self.chain_count,
    draws = self.draw_count, divergences = self.divergences, parameters = core.json_list(self.draw_count > 0 and self:rows() or {}),
    problems = core.json_list(self.problems), notes = core.json_list(self.notes),
  }
end

-- ---- a check in place of a run ---------------------------------------------------------------------------------------

--- Raised when a script asks a checked model for what only a run has; the command line takes it for the end.
fit.stop = setmetatable({}, { __tostring = function() return "checked; nothing was drawn" end })

--- Raised after Ctrl-C stopped a run and what there is was shown.
fit.interrupted = setmetatable({}, { __tostring = function() return "interrupted" end })

--- What borel.infer returns under `borel check` and `borel explain`: it has an empty summary, and ends the script at
-- anything else. `result` goes to the command line: { check =, text =, c_text =, ok = }.
function fit.checked(result)
  local session = require "borel.session"
  session.fits[#session.fits + 1] = result
  return setmetatable({ summary = function() return "" end, is_checked = true }, { __index = function() error(fit.stop, 0) end })
end

return fit
