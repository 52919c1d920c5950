-- SPDX-License-Identifier: MIT
--- The command line: borel run | check | explain | summary | resume | compile | validate | plugins. Returns a function
-- of the arguments that returns the exit code: 0 all is well, 1 an error, 2 wrong usage, 3 an unreliable run
-- under --strict.
local core = require "borel.core"
local certificate = require "borel.certificate"
local session = require "borel.session"

local usage = [[
usage: borel COMMAND [ARGUMENTS]

  run FILE.lua [OPTIONS] [-- ARGS]   run a model script; a script that returns a model is run with borel.infer
  check FILE.lua [OPTIONS]           trace the model, compare it with the plain script; gradients, supports, prior
  explain FILE.lua [OPTIONS]         its terms at a point (--at RUN: a draw; --seed N: of the prior), time and size
  summary RUN                        the table of a run directory, finished or not
  resume RUN                         continue an interrupted run, bit for bit
  compile [--emit-c] FILE.lua        compile the model ahead of time, or print the C that Borel writes
  validate [NAME | PLUGIN.so | COMPONENT.lua | compositions] [--statistical] [--seed N] [--certificate FILE.json]
                                     test what a component claims (all of them, without a name): exactly,
                                     and on request by statistical tests; the certificate is what was found
  plugins [info NAME]                what is installed; parameters and claims of a component
  plugins new KIND NAME [--language c|c++|rust] [--dir DIR]
                                     a kernel, density, resampler or involution of your own that builds and passes its tests
  plugins headers                    the folder of borel/plugin.h

options of run (they take the place of what the script gives to borel.infer):
  --data FILE.json    --chains N    --draws N     --warmup N    --seed N      --threads N
  --out DIR           --kernel NAME --engine E    --checkpoint N
  --quiet     no progress, no closing lines
  --strict    exit with 3 when a run is unreliable     (also: summary, resume)
  --json      the result as JSON on stdout             (also: check, explain, summary, resume, plugins, validate)
  --accept-numerics   resume under another engine      (resume)

borel --help, borel --version; documentation: docs/ in the source tree]]

local UnusableArgument = {}

local function misuse(message) error(setmetatable({ message = message }, UnusableArgument), 0) end

-- ---- arguments ------------------------------------------------------------------------------------------------

local run_options = { data = "path", chains = "number", draws = "number", warmup = "number", seed = "number",
  threads = "number", out = "text", kernel = "text", engine = "text", checkpoint = "number" }

local function flags_of(...)
  local set = {}
  for _, name in ipairs { ... } do set[name] = "flag" end
  return set
end

local function absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return core.current_folder() .. "/" .. path
end

local function with(base, more)
  local all = {}
  for name, kind in pairs(base) do all[name] = kind end
  for name, kind in pairs(more) do all[name] = kind end
  return all
end

-- Splits args from `first` on into options and the rest; what follows "--" goes to `after`.
local function parse(args, first, accepted)
  local given, rest, after, i = {}, {}, {}, first
  while i <= #args do
    local text = args[i]
    if text == "--" then
      table.move(args, i + 1, #args, 1, after)
      break
    end
    local name, value = text:match "^%-%-([%w%-]+)=(.*)$"
    name = name or text:match "^%-%-([%w%-]+)$"
    if not name then
      if text:sub(1, 1) == "-" and #text > 1 then misuse("unknown option '" .. text .. "'") end
      rest[#rest + 1] = text
    else
      local kind = accepted[name]
      if not kind then
        local names = {}
        for known in pairs(accepted) do names[#names + 1] = known end
        table.sort(names)
        local nearest = core.nearest(name, names)
        misuse(("unknown option '--%s'%s"):format(name, nearest and ("; did you mean '--" .. nearest .. "'?") or ""))
      end
      if kind == "flag" then
        if value then misuse("option '--" .. name .. "' takes no value") end
        given[name] = true
      else
        if not value then
          i = i + 1
          value = args[i]
          if not value then misuse("option '--" .. name .. "' needs a value") end
        end
        if kind == "number" then
          local parsed = math.tointeger(value)
          if not parsed then misuse(("option '--%s' must be a whole number, got '%s'"):format(name, value)) end
          value = parsed
        end
        given[name] = kind == "path" and absolute(value) or value
      end
    end
    i = i + 1
  end
  return given, rest, after
end

local function one(rest, what)
  if #rest == 0 then misuse(what .. " is missing") end
  if #rest > 1 then misuse("unexpected argument '" .. rest[2] .. "'") end
  return rest[1]
end

local function print_json(value) io.stdout:write(core.to_json(value, { indent = 2 }), "\n") end

-- ---- running scripts ----------------------------------------------------------------------------------------------

local function read_file(path)
  local kind = core.file_info(path)
  if not kind then error(path .. ": no such file", 0) end
  if kind == "directory" then error(path .. ": a directory, not a script", 0) end
  local file, trouble = io.open(path, "rb")
  if not file then error(trouble, 0) end
  local text = file:read "a"
  file:close()
  return text
end

-- Runs the script at `path` under the session's mode; a model that it returns is inferred.
local function run_script(path, arguments)
  local text = read_file(path)
  session.script, session.script_hash, session.arguments = absolute(path), core.hash(text), arguments
  local borel = require "borel"
  local folder = path:match "^(.*)/[^/]*$" or "."
  package.path = folder .. "/?.lua;" .. package.path
  for _, name in ipairs { "sample", "observe", "factor", "deterministic", "plate", "dist" } do _G[name] = borel[name] end
  _G.borel, _G.arg = borel, { [0] = path, table.unpack(arguments) }
  local chunk, trouble = load(text, "@" .. path, "t")
  if not chunk then error(trouble, 0) end
  local ok, result = pcall(chunk, table.unpack(arguments))
  if not ok then
    local fit = require "borel.fit"
    if result == fit.stop or result == fit.interrupted then return end
    if type(result) == "string" then -- without the list of every folder that was tried
      result = result:gsub("(module '[^'\n]*' not found):\n.*", "%1 (looked for beside the script and in package.path)")
      result = result:gsub("attempt to perform arithmetic on a table value.*", "%0; borel.array makes an array of a list of numbers")
    end
    error(result, 0)
  end
  if session.calls == 0 and type(result) == "table" and result.is_model then
    local done = borel.infer(result)
    if session.mode ~= "check" and session.mode ~= "explain" then print(done:summary()) end
  elseif session.calls == 0 and session.mode ~= "run" then
    error(path .. ": the script calls borel.infer nowhere and returns no model", 0)
  end
end

local function redirect_print()
  _G.print = function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    io.stderr:write(table.concat(parts, "\t"), "\n")
  end
end

local function finish(given)
  local reliable = true
  for _, done in ipairs(session.fits) do reliable = reliable and done.reliable end
  if given.json then
    local reports = {}
    for i, done in ipairs(session.fits) do reports[i] = done:report() end
    print_json { fits = core.json_list(reports) }
  end
  return given.strict and not reliable and 3 or 0
end

local commands = {}

function commands.run(args)
  local given, rest, after = parse(args, 2, with(run_options, flags_of("quiet", "strict", "json")))
  local path = one(rest, "the script")
  for name in pairs(run_options) do session.overrides[name] = given[name] end
  session.quiet = given.quiet or false
  if given.json then redirect_print() end
  run_script(path, after)
  return finish(given)
end

-- What borel.infer said in place of running: texts, or JSON under `key`.
local function print_checks(given, key)
  local checks, ok = {}, true
  for i, done in ipairs(session.fits) do
    checks[i] = done.check
    ok = ok and done.ok
    if not given.json then print(done.text) end
  end
  if given.json then print_json { [key] = core.json_list(checks) } end
  return ok and 0 or 1
end

function commands.check(args)
  local given, rest, after = parse(args, 2, with(run_options, flags_of "json"))
  session.mode, session.examines = "check", true
  for name in pairs(run_options) do session.overrides[name] = given[name] end
  if given.json then redirect_print() end
  run_script(one(rest, "the script"), after)
  return print_checks(given, "checks")
end

function commands.explain(args)
  local given, rest, after = parse(args, 2, with(with(run_options, { at = "path" }), flags_of "json"))
  session.mode, session.at = "explain", given.at
  for name in pairs(run_options) do session.overrides[name] = given[name] end
  if given.json then redirect_print() end
  run_script(one(rest, "the script"), after)
  return print_checks(given, "explanations")
end

function commands.compile(args)
  local given, rest, after = parse(args, 2, with(run_options, flags_of "emit-c"))
  session.mode = "check"
  for name in pairs(run_options) do session.overrides[name] = given[name] end
  run_script(one(rest, "the script"), after)
  for _, done in ipairs(session.fits) do
    if given["emit-c"] then io.stdout:write(done.c_text) else print(done.check.engine) end
  end
  return 0
end

function commands.summary(args)
  local given, rest = parse(args, 2, flags_of("json", "strict"))
  local fit = require("borel.fit").open(one(rest, "the run directory"))
  if given.json then
    print_json(fit:report())
  else
    if fit.draw_count > 0 then print(fit:summary()) end
    print(fit:verdict())
  end
  return given.strict and not fit.reliable and 3 or 0
end

function commands.resume(args)
  local given, rest = parse(args, 2, with({ threads = "number" }, flags_of("accept-numerics", "quiet", "strict", "json")))
  local directory = absolute(one(rest, "the run directory"))
  local manifest = require("borel.fit").manifest(directory)
  if type(manifest.script) ~= "table" then
    error(directory .. ": this run was not started by a script, so it cannot be resumed from here", 0)
  end
  core.chdir(manifest.folder)
  session.mode, session.quiet, session.accept_numerics = "resume", given.quiet or false, given["accept-numerics"] or false
  session.overrides = manifest.overrides
  session.overrides.threads = given.threads
  session.resume = { directory = directory, call = manifest.call, previous = manifest.previous }
  if given.json then redirect_print() end
  run_script(manifest.script.path, manifest.script.arguments)
  if session.calls < manifest.call then
    error(manifest.script.path .. ": the script no longer calls borel.infer as often as when the run was started", 0)
  end
  return finish(given)
end

-- ---- plugins ---------------------------------------------------------------------------------------------------------

local function plural(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

local function describe_range(param)
  if param.type == "choice" then return param.choices:gsub("|", " | ") end
  if param.type == "flag" then return "true | false" end
  local low, high = param.min, param.max
  if low - low ~= 0 and high - high ~= 0 then return "" end
  if high - high ~= 0 then return ("at least %g"):format(low) end
  if low - low ~= 0 then return ("at most %g"):format(high) end
  return ("%g to %g"):format(low, high)
end

local function describe_default(param)
  if param.required then return "required" end
  if param.type == "choice" then
    local k = 0
    for word in param.choices:gmatch "[^|]+" do
      if k == param.default then return word end
      k = k + 1
    end
  end
  if param.type == "flag" then return param.default ~= 0 and "true" or "false" end
  if param.type == "reals" then return "a list" end
  return ("%g"):format(param.default)
end

local function print_component(c)
  print(("%s %s  (%s %s, licence %s)"):format(c.kind, c.name, c.plugin, c.version, c.licence))
  print(c.summary)
  if c.reference ~= "" then print("reference: " .. c.reference) end
  if c.sides then
    for s, side in ipairs(c.sides) do print(("side %d (trace; auxiliary): %s"):format(s - 1, side)) end
  else
    print("claims: " .. c.claims)
  end
  print(("file: %s (plugin ABI %d)"):format(c.path, c.abi))
  print(certificate.describe(c))
  if #c.params > 0 then print "parameters:" end
  for _, param in ipairs(c.params) do
    print(("  %-20s %-7s default %-9s %s"):format(param.name, param.type, describe_default(param), describe_range(param)))
    print(("      %s%s"):format(param.doc, param.unit ~= "" and (" [" .. param.unit .. "]") or ""))
  end
end

local function finite_or_nil(x) return x - x == 0 and x or nil end

local function component_json(c)
  local params = {}
  for i, p in ipairs(c.params) do
    params[i] = { name = p.name, type = p.type, doc = p.doc, unit = p.unit, choices = p.choices, default = p.default,
      min = finite_or_nil(p.min), max = finite_or_nil(p.max), required = p.required }
  end
  return { kind = c.kind, name = c.name, summary = c.summary, reference = c.reference, claims = c.claims, sides = c.sides, path = c.path,
    abi = c.abi, plugin = c.plugin, version = c.version, licence = c.licence, params = core.json_list(params) }
end

-- Components by name, or those of a file.
local function find_components(name)
  if name:find "/" or name:find "%.so$" then return core.load(name) end
  local found, names = {}, {}
  for _, c in ipairs(core.components()) do
    names[#names + 1] = c.name
    if c.name == name then found[#found + 1] = c end
  end
  if #found == 0 then
    local nearest = core.nearest(name, names)
    error(("there is no component '%s'%s"):format(name, nearest and ("; did you mean '" .. nearest .. "'?") or ""), 0)
  end
  return found
end

-- Is the program that runs now the one that a shell would find?
local function on_the_path()
  local program = core.place "program"
  for folder in (os.getenv "PATH" or ""):gmatch "[^:]+" do
    local _, _, real = core.file_info(folder .. "/borel")
    if real then return real == program end
  end
  return false
end

local function new_plugin(args)
  local given, rest = parse(args, 3, { language = "text", dir = "text" })
  if #rest < 2 then misuse "borel plugins new KIND NAME: a kind (kernel, density, resampler, involution) and a name are needed" end
  if #rest > 2 then misuse("unexpected argument '" .. rest[3] .. "'") end
  local dir, paths = require("borel.skeleton").write(rest[1], rest[2], given.language, given.dir)
  for _, path in ipairs(paths) do print("wrote " .. path) end
  print(("next: %s%s/build.sh"):format(on_the_path() and "" or ("BOREL=" .. core.place "program" .. " "), dir))
  return 0
end

function commands.plugins(args)
  if args[2] == "new" then return new_plugin(args) end
  local given, rest = parse(args, 2, flags_of "json")
  if rest[1] == "headers" and not rest[2] then
    print(core.place "headers")
    return 0
  end
  local failed = 0
  local list
  if rest[1] == "info" then
    table.remove(rest, 1)
    rest.info = true
    list = find_components(one(rest, "the name of a component"))
    if not given.json then
      for i, c in ipairs(list) do
        if i > 1 then print() end
        print_component(c)
      end
    end
  elseif rest[1] then
    misuse("unexpected argument '" .. rest[1] .. "'; did you mean 'borel plugins info " .. rest[1] .. "'?")
  else
    list, failed = core.components()
    table.sort(list, function(a, b) return a.kind .. a.name < b.kind .. b.name end)
    if not given.json then
      for _, c in ipairs(list) do print(("%-12s %-16s %s"):format(c.kind, c.name, c.summary)) end
      if failed > 0 then print(("%s could not be loaded"):format(plural(failed, "file"))) end
    end
  end
  if given.json then
    local out = {}
    for i, c in ipairs(list) do
      out[i] = component_json(c)
      if rest.info then out[i].certificate = certificate.describe(c) end
    end
    print_json { components = core.json_list(out), failed = failed }
  end
  return 0
end

local BLOCKS = "compositions" -- what `borel validate` calls the blocks of borel.rep

local function print_rows(rows)
  for _, row in ipairs(rows) do print(("  %-10s  %-28s %s: %s"):format(row.verdict, row.claim, row.method, row.evidence)) end
end

-- Reports on the blocks of borel.rep; do all claims hold?
local function validate_blocks(reports, quiet)
  local holds = true
  for _, report in ipairs(require("borel.rep.suite.checks").reports()) do
    reports[#reports + 1] = { kind = "block", name = report.name, path = "", rows = core.json_list(report.rows) }
    if not quiet then
      print(("block %s"):format(report.name))
      print_rows(report.rows)
    end
    for _, row in ipairs(report.rows) do holds = holds and row.verdict ~= "fails" end
  end
  return holds
end

-- The components that `borel validate` is asked for.
local function to_validate(rest)
  if rest[1] == BLOCKS then return {} end
  if not rest[1] then return core.components() end
  if not rest[1]:find "%.lua$" then return find_components(one(rest, "the name of a component")) end
  local made = require("borel.component").load(one(rest, "the script"))
  return { { kind = made.kind, name = made.name, path = rest[1], scripted = made.scripted } }
end

function commands.validate(args)
  local given, rest = parse(args, 2, with({ seed = "number", certificate = "path" }, flags_of("json", "statistical")))
  if given.seed and not given.statistical then misuse "option '--seed' is for --statistical: the exact checks use none" end
  local tier = { statistical = given.statistical, seed = given.seed or core.validate_seed, alpha = core.validate_alpha }
  local list = to_validate(rest)
  if given.certificate and #list ~= 1 then misuse(("--certificate is for one component, not for %d"):format(#list)) end
  local reports, holds = {}, true
  for _, c in ipairs(list) do
    local rows = core.validate(c.kind:match "^[^/]+", c.scripted or c.name, nil, tier)
    local made = certificate.new(c, rows, tier)
    reports[#reports + 1] = { kind = c.kind, name = c.name, path = c.path, rows = core.json_list(rows) }
    if given.certificate then certificate.write(given.certificate, made) end
    if not c.scripted then certificate.keep(c, made) end
    for _, row in ipairs(rows) do holds = holds and row.verdict ~= "fails" end
    if not given.json then
      print(("%s %s  %s"):format(c.kind, c.name, c.path))
      print_rows(rows)
    end
  end
  if not rest[1] or rest[1] == BLOCKS then holds = validate_blocks(reports, given.json) and holds end
  if given.json then print_json { components = core.json_list(reports), holds = holds } end
  return holds and 0 or 1
end

-- ---- the entry ---------------------------------------------------------------------------------------------------------

return function(args)
  local name = args[1]
  if name == "--version" then
    print(("borel %s (build %s, %s)"):format(core.version, core.build_id, _VERSION))
    return 0
  end
  if name == nil or name == "--help" or name == "-h" or name == "help" then
    print(usage)
    return name and 0 or 2
  end
  local command = commands[name]
  local ok, result
  if command then
    for _, text in ipairs(args) do
      if text == "--" then break end
      if text == "--help" or text == "-h" then
        print(usage)
        return 0
      end
    end
    ok, result = pcall(command, args)
  else
    local names = {}
    for known in pairs(commands) do names[#names + 1] = known end
    table.sort(names)
    local nearest = core.nearest(name, names)
    ok, result = pcall(misuse, ("unknown command '%s'%s"):format(name, nearest and ("; did you mean '" .. nearest .. "'?") or ""))
  end
  if ok then return result end
  if getmetatable(result) == UnusableArgument then
    io.stderr:write("borel: ", result.message, " (see borel --help)\n")
    return 2
  end
  error(result, 0)
end
