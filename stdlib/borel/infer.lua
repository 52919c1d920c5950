-- SPDX-License-Identifier: MIT
--- borel.infer: from a model and data to a run directory and a fit.
local core = require "borel.core"
local component = require "borel.component"
local compose = require "borel.compose"
local examine = require "borel.examine"
local explain = require "borel.explain"
local fingerprint = require "borel.rep.fingerprint"
local fit = require "borel.fit"
local handler = require "borel.handler"
local model = require "borel.model"
local options = require "borel.options"
local progress = require "borel.progress"
local read = require("borel.read").read
local session = require "borel.session"
local tracer = require "borel.tracer"

local infer = {}

-- Unless the option says otherwise: at these iterations, where the last one is so long ago.
local CHECKPOINT_ITERATIONS, CHECKPOINT_SECONDS = 100, 1

local known = {
  data = {}, -- handed to the model
  chains = { type = "number", integer = true, min = 1, max = 10000, default = 4 },
  draws = { type = "number", integer = true, min = 1, default = 1000 }, -- of each chain, after warm-up
  warmup = { type = "number", integer = true, min = 0, default = 1000 }, -- iterations that adapt the kernel
  seed = { type = "number", integer = true, min = 0, default = 1 },
  threads = { type = "number", integer = true, min = 0, default = 0 }, -- 0: one for each processor
  checkpoint = { type = "number", integer = true, min = 0 }, -- iterations between two; 0: none
  out = { type = "string" }, -- run directory, made new; default runs/<script>-001 and so on
  kernel = {}, -- borel.nuts{...}, or the name of a kernel
  init = { default = "uniform" }, -- where chains start: "uniform", "pathfinder", or values by name
  engine = { type = "string", choices = { "auto", "native", "interpreter" }, default = "auto" },
  sufficient = { type = "boolean", default = true }, -- sums of squares of linear terms by their QR triangle
  progress = { type = "boolean", default = true },
}

-- ---- kernels, densities, resamplers -------------------------------------------------------------------------------

--- A density by name, or from a plugin's file: use it as the model of borel.infer.
function infer.density(name, parameters)
  if type(name) ~= "string" then core.error("borel.density: needs the name of a density or the path of a plugin, got a " .. type(name)) end
  return { is_density = true, component = name, object = core.density(name, parameters or {}) }
end

--- A resampler by name, or from a plugin's file (a path, also of a script that returns a component), with its parameters:
-- resampler.object:resample(source, weights [, count]) draws the ancestors of count offspring, indices from 1, where
-- weights sum to 1 and source is a source of randomness.
function infer.resampler(name, parameters)
  if type(name) ~= "string" then
    core.error("borel.resampler: needs the name of a resampler or the path of a plugin, got a " .. type(name))
  end
  if name:find "%.lua$" then name = component.load(name).scripted end
  return { is_resampler = true, object = core.resampler(name, parameters or {}) }
end

--- The involution of a plugin, by name or from its file, with its parameters: for rep.involutive.
function infer.involution(name, parameters)
  if type(name) ~= "string" then
    core.error("borel.involution: needs the name of an involution or the path of a plugin, got a " .. type(name))
  end
  return { is_involution = true, object = core.involution(name, parameters or {}) }
end

local SEVERAL = 5 -- names that an error lists

-- "the discrete unknowns 'k', 'z'"
local function unknowns_of(kind, names)
  local quoted = {}
  for i = 1, math.min(#names, SEVERAL) do quoted[i] = ("'%s'"):format(names[i]) end
  return ("the %sunknown%s %s%s"):format(kind, #names > 1 and "s" or "", table.concat(quoted, ", "),
    #names > SEVERAL and (" and %d more"):format(#names - SEVERAL) or "")
end

local BY_BLOCK = 'borel.cycle{ borel.on("z", borel.gibbs{}), borel.on("u", borel.nuts{}) }'

-- Unknowns that stay where they start would pass for a posterior.
local function check_moves_all(kernel, prepared)
  local stays, discrete = kernel.object:stays(prepared.source), {}
  if #stays == 0 then return end
  for _, site in ipairs(prepared.source:sites()) do discrete[site.name] = site.block == "z" end
  local described, mixed = compose.describe(kernel), prepared.about.D > 0 and prepared.about.K > 0
  if kernel.parts then
    core.error(("borel.infer: %s would leave %s where %s: no kernel in it moves %s; add borel.on(\"%s\", ...) with one that does"):format(
      described.text, unknowns_of("", stays), #stays > 1 and "they start" or "it starts", #stays > 1 and "them" or "it", stays[1]))
  end
  if not discrete[stays[1]] then
    core.error(("borel.infer: %s moves discrete unknowns only and would leave %s where they start: combine it with a kernel that "
      .. "moves them: %s"):format(described.text, unknowns_of("continuous ", stays), mixed and BY_BLOCK or "borel.nuts{}"))
  end
  core.error(("borel.infer: %s moves continuous unknowns only and would leave %s where they start: sum them out (sample with "
    .. "{ marginalize = true }, dist.mixture, borel.log_sum_exp), or combine it with a kernel that moves them: %s"):format(described.text,
    unknowns_of("discrete ", stays), mixed and BY_BLOCK or "borel.gibbs{}"))
end

local MOST_VALUES = 1000 -- of a discrete unknown that gibbs is chosen for

-- The first discrete unknown that has more.
local function many_values(source)
  for _, site in ipairs(source:sites()) do
    if (site.count or 0) > MOST_VALUES then return site.name end
  end
end

local function choose_kernel(given, prepared)
  local about = prepared.about
  if given ~= nil then
    local kernel = type(given) == "string" and compose.kernel(given) or given
    if type(kernel) ~= "table" or not kernel.is_kernel then
      core.error("borel.infer: option 'kernel' must be a kernel such as borel.nuts{}, got a " .. type(given))
    end
    check_moves_all(kernel, prepared)
    return kernel, "as asked"
  end
  if about.K == 0 then return compose.kernel("nuts"), "every unknown is continuous" end
  local name = many_values(prepared.source)
  local for_z = name and compose.kernel("random-walk", { move = "z" }) or compose.kernel("gibbs")
  local why = name and ("'%s' has more than %d values, too many to weigh each"):format(name, MOST_VALUES)
  if about.D == 0 then return for_z, why or "every unknown is discrete" end
  local law = name and "walk" or "are drawn from their conditional laws"
  return compose.cycle { compose.on("z", for_z), compose.on("u", "nuts") },
    ("some unknowns are discrete: these %s, then the continuous ones move by nuts%s"):format(law, why and "; " .. why or "")
end

-- ---- what is sampled ---------------------------------------------------------------------------------------

-- { source =, about = {engine_id, data_id, engine, D, K, ...}, sites = {...} }
local function prepare(what, opts)
  if type(what) == "table" and what.is_density then
    local about = what.object:describe()
    about.engine_id, about.engine = "plugin-" .. about.hash, "density plugin " .. about.name
    about.data_id = core.hash(core.to_json(about.parameters))
    local names = {}
    for i, site in ipairs(what.object:sites()) do names[i] = site.name end
    return { source = what.object, about = about, sites = names }
  end
  model.need("borel.infer", what)
  local traced = what:trace(opts.data, opts.engine, opts.sufficient)
  for _, warning in ipairs(what:check_trace(traced, opts.data)) do
    if not session.quiet then io.stderr:write("borel: warning: ", warning, "\n") end
  end
  local about = traced.target:describe()
  if about.compiled and traced.seconds > 1 and not session.quiet then
    io.stderr:write(("compiled the model in %.1f s; the next run finds it in the cache\n"):format(traced.seconds))
  end
  return { source = traced.target, about = about, sites = traced.names, traced = traced }
end

local function script_name()
  local name = session.script and session.script:match("([^/]+)$") or "run"
  return (name:gsub("%.lua$", ""))
end

local function discrete_of(source)
  local names = {}
  for _, site in ipairs(source:sites()) do
    if site.block == "z" then names[#names + 1] = site.name end
  end
  return names
end

-- The run directory of each earlier call of the script; "" for one that failed.
local function previous_runs()
  local paths = {}
  for i = 1, session.calls - 1 do paths[i] = session.runs[i] or "" end
  return paths
end

-- What every run says of itself, with what this one adds.
local function run_manifest(opts, more)
  local manifest = {
    borel = { version = core.version, build = core.build_id },
    script = session.script and { path = session.script, hash = session.script_hash, arguments = core.json_list(session.arguments) } or nil,
    folder = core.current_folder(),
    call = session.calls,
    previous = core.json_list(previous_runs()),
    options = { chains = opts.chains, draws = opts.draws, warmup = opts.warmup, seed = opts.seed,
      checkpoint = opts.checkpoint or CHECKPOINT_ITERATIONS,
      init = type(opts.init) == "table" and "values" or opts.init },
    overrides = session.overrides,
  }
  for name, value in pairs(more) do manifest[name] = value end
  return manifest
end

local function manifest_of(prepared, kernel, opts)
  local about, described = prepared.about, compose.describe(kernel)
  return run_manifest(opts, {
    kernel = described,
    engine = { id = about.engine_id .. "+" .. described.hash, text = about.engine, data = about.data_id, asked = opts.engine },
    D = about.D, K = about.K,
    sites = core.json_list(prepared.sites), summed = core.json_list(prepared.traced and tracer.kept(prepared.traced.summed) or {}),
    discrete = core.json_list(discrete_of(prepared.source)),
    constants = prepared.traced and next(prepared.traced.constants) and prepared.traced.constants or nil,
  })
end

-- The run directory to continue, once it is certain that the posterior is the same.
local function reopen(manifest)
  local path = session.resume.directory
  local directory = core.rundir_open(path, true)
  local old = fit.manifest(path)
  local function same(a, b) return core.to_json(a) == core.to_json(b) end
  if old.engine.data ~= manifest.engine.data then
    core.error(path .. ": the data or the model have changed since this run was started; start a new one")
  end
  if not same(old.options, manifest.options) then
    core.error(("%s: the run was started with options %s, the script now asks for %s"):format(path, core.to_json(old.options),
      core.to_json(manifest.options)))
  end
  if not (same(old.kernel.name, manifest.kernel.name) and same(old.kernel.parameters, manifest.kernel.parameters)) then
    core.error(("%s: the run was started with kernel %s %s, the script now asks for %s %s"):format(path, old.kernel.name,
      core.to_json(old.kernel.parameters), manifest.kernel.name, core.to_json(manifest.kernel.parameters)))
  end
  if old.engine.id ~= manifest.engine.id then
    if not session.accept_numerics then
      core.error(("%s: the run was started by engine %s, this is %s: draws would go on with other rounding; "
        .. "allow it with --accept-numerics"):format(path, old.engine.id, manifest.engine.id))
    end
    directory:write_manifest(core.to_json(manifest))
  end
  return directory
end

-- In place of a run, for `borel check`, `borel explain` and `borel compile`.
local function describe(what, prepared, opts)
  local about = prepared.about
  local summed = prepared.traced and tracer.summed_text(prepared.traced.summed)
  local head = ("%d continuous and %d discrete unknowns%s%s; %s"):format(about.D, about.K, summed and ", summed out: " .. summed or "",
    ((about.rerolled or 0) > 0 and (", %d terms re-rolled"):format(about.rerolled) or "") .. ((about.squares or 0) > 0
    and (", %d rows of squares in %d"):format(about.squares, about.squares_left) or ""), about.engine)
  local result = { c_text = about.text, ok = true, text = "ok: " .. head, check = { D = about.D, K = about.K,
    rerolled = about.rerolled, squares = about.squares, squares_left = about.squares_left, engine = about.engine,
    engine_id = about.engine_id, sites = core.json_list(prepared.sites) } }
  if what.is_density and session.examines then
    local report = examine.density(core.validate("density", what.scripted or what.component, about.parameters))
    result.ok = #report.problems == 0
    result.text = ("%s: %s\n%s"):format(result.ok and "ok" or "problems", head, examine.density_text(report))
    report.problems = core.json_list(report.problems)
    result.check.report = report
  end
  if not prepared.traced then return result end
  if session.mode == "explain" then
    local chosen, kernel, why = pcall(choose_kernel, opts.kernel, prepared)
    local report = explain.model(what, prepared.traced, opts.data, { at = session.at, seed = opts.seed,
      kernel = chosen and compose.describe(kernel).text or "none",
      why = chosen and why or tostring(kernel):gsub("^.-:%d+: ", ""):gsub("^borel.infer: ", "") })
    result.check, result.text = report, head .. "\n" .. explain.text(report)
  elseif session.examines then
    local report = examine.model(what, prepared.traced, opts.data, opts.seed)
    result.ok = #report.problems == 0
    result.text = ("%s: %s\n%s"):format(result.ok and "ok" or "problems", head, examine.text(report))
    report.problems, report.prior = core.json_list(report.problems), core.json_list(report.prior)
    result.check.report = report
  end
  return result
end

local LEAST_DRAWS = 10 -- of each chain: below that a summary says nothing

-- After Ctrl-C: the summary of the draws that there are and how to go on; then the script ends.
local function stop_here(path, failure)
  local result = fit.open(path)
  session.fits[#session.fits + 1], session.runs[session.calls] = result, path
  if result.draw_count >= LEAST_DRAWS then print(result:summary()) end
  local what = result.draw_count > 0 and ("%d draws in each of %d chains so far"):format(result.draw_count, result.chain_count)
    or "no draws yet, " .. (failure or "")
  io.stderr:write(("borel: interrupted; %s; continue with: borel resume %s\n"):format(what, path))
  error(fit.interrupted, 0)
end

-- Coordinates of the starting values in option `init`, arrays u [D] and z [K] with NaN where none is given; or nothing.
local function starts(what, opts)
  local init = opts.init
  if init == "uniform" or init == "pathfinder" then return end
  if type(init) ~= "table" then
    core.error(("borel.infer: option 'init' is '%s', must be uniform, pathfinder, or a table { name = value }"):format(tostring(init)))
  end
  if not what.is_model then core.error "borel.infer: option 'init': a density plugin has no named unknowns to start from" end
  local u, z = what:starts(opts.data, init, opts.seed)
  return u[1] and core.array(u, "f64"), z[1] and core.array(z, "f64")
end

-- What the methods of a fit that run its model need.
local function remember(result, what, opts)
  if what.is_model then result.model, result.data = what, opts.data else result.density = true end
end

-- The run directory: that of `manifest`, made new, or the one to continue.
local function directory_for(manifest, opts, resume)
  if resume then return reopen(manifest) end
  local directory = opts.out and core.rundir_create(opts.out, false) or core.rundir_create(nil, "runs", script_name())
  directory:write_manifest(core.to_json(manifest, { indent = 2 }))
  return directory
end

-- When checkpoints are written, beside the last one.
local function checkpoints_of(opts)
  return { every = opts.checkpoint or CHECKPOINT_ITERATIONS, seconds = opts.checkpoint and 0 or CHECKPOINT_SECONDS }
end

-- What comes after the chains: their draws, or what went wrong.
local function conclude(directory, display, chains, failure, code)
  local path = directory:path()
  directory:close()
  if display then display:close(chains, failure) end
  if core.interrupted() then stop_here(path, failure) end
  if failure then
    local go_on = (code == "cancelled" or code == "io") and "; continue with: borel resume " .. path or ""
    error(("%s (run directory %s%s)"):format(failure, path, go_on), 0)
  end
  local result = fit.open(path)
  session.fits[#session.fits + 1], session.runs[session.calls] = result, path
  return result
end

-- The options of a method as JSON has them; of a function, a model and the like, what it is.
local function plain(value)
  if type(value) ~= "table" then return type(value) == "function" and "a function" or value end
  local ok = pcall(core.to_json, value)
  if ok then return value end
  return value.is_model and "a model" or value.is_resampler and "a resampler" or "a table"
end

local function method_manifest(method, job, what, opts)
  local parameters, told, data = {}, pcall(core.to_json, opts.data)
  for name, value in pairs(method.given) do parameters[name] = plain(value) end
  return run_manifest(opts, {
    kernel = { name = method.name, parameters = parameters, text = method.name },
    method = { markov = job.block == nil },
    engine = { id = "program-" .. core.build_id, text = "the program as it is written, in Lua",
      data = fingerprint { what, method.given.parameters or false, told and data or false } },
    sites = core.json_list {},
  })
end

-- A composition in place of a kernel: it runs the model as it is written.
local function run_method(method, why, what, opts, given, resume)
  for _, name in ipairs { "init", "engine" } do
    if given[name] ~= nil then
      core.error(("borel.infer: option '%s' is for kernels of compiled models; %s runs the model as it is"):format(name, method.name))
    end
  end
  model.need("borel.infer", what)
  if session.mode == "check" or session.mode == "explain" then
    local text = ("the model is run as it is written by %s (%s)"):format(method.name, why)
    return fit.checked { ok = true, text = "ok: " .. text, check = { method = method.name, sites = core.json_list {} }, c_text = "" }
  end
  local job = method.job(what)
  local markov = job.block == nil
  if not markov then opts.draws, opts.warmup = job.particles, 0 end
  local directory = directory_for(method_manifest(method, job, what, opts), opts, resume)
  job.data, job.key, job.warmup, job.draws = opts.data, core.stream_key(opts.seed, "rep"), opts.warmup, opts.draws
  job.directory, job.resume, job.checkpoint = directory:path(), resume ~= nil, checkpoints_of(opts)
  local display
  if opts.progress and not session.quiet then
    if markov then display = progress.new(opts, method.name, why)
    else io.stderr:write(("%d runs of %s (%s)\n"):format(opts.chains, method.name, why)) end
  end
  local runs = require "borel.rep.runs"
  local work = markov and runs.chain or runs.population
  local chains, failure, code = core.run_workers {
    chains = opts.chains, threads = opts.threads, warmup = opts.warmup, draws = opts.draws, drops = not markov,
    body = function(chain, report) return work(job, chain, report) end,
    watcher = display and function(now) display:update(now) end or nil,
  }
  local result = conclude(directory, display, chains, failure, code)
  if opts.progress and not session.quiet then io.stderr:write(result:verdict(), "\n") end
  return result
end

--- borel.infer(model, options): draws from the posterior and returns a fit. Options: data, chains = 4,
-- draws = 1000, warmup = 1000, seed = 1, threads, kernel, out (run directory), checkpoint (every so many iterations),
-- init = "uniform" | "pathfinder" | { name = value }, engine = "auto" | "native" | "interpreter",
-- sufficient = true (sums of squares of linear terms by their QR triangle), progress = true. Chains write their
-- draws to the run directory as they go; an interrupted run continues with `borel resume`.
function infer.infer(what, given)
  if core.interrupted() then error(fit.interrupted, 0) end -- a script that caught it
  if handler.active() then
    core.error("borel.infer called inside a model: call it with the model, outside; inside, borel.marginal(model, ...) is the exact law "
      .. "of a finite model")
  end
  local merged = {}
  if type(given) == "table" then
    for name, value in pairs(given) do merged[name] = value end
    given = merged
  end
  if given == nil or given == merged then
    given = merged
    for name, value in pairs(session.overrides) do given[name] = value end
  end
  local opts = options.check("borel.infer", given, known)
  if type(opts.data) == "string" then opts.data = read(opts.data) end
  session.calls = session.calls + 1

  local resume = session.mode == "resume" and session.resume or nil
  if resume and session.calls < resume.call and resume.previous[session.calls] ~= "" then
    -- finished before the run that is resumed
    local done = infer.open(resume.previous[session.calls])
    remember(done, what, opts)
    session.fits[#session.fits + 1], session.runs[session.calls] = done, done.directory
    return done
  end
  resume = resume and session.calls == resume.call and resume or nil

  if type(opts.kernel) == "table" and opts.kernel.is_method then return run_method(opts.kernel, "as asked", what, opts, given, resume) end
  if opts.kernel == nil and type(what) == "table" and what.dynamic then
    local method, why = require("borel.rep.methods").choose(what, opts)
    return run_method(method, why, what, opts, given, resume)
  end
  local prepared = prepare(what, opts)
  if session.mode == "check" or session.mode == "explain" then return fit.checked(describe(what, prepared, opts)) end
  local kernel, why = choose_kernel(opts.kernel, prepared)
  local manifest = manifest_of(prepared, kernel, opts)
  local directory = directory_for(manifest, opts, resume)
  local start_u, start_z = starts(what, opts)
  local checkpoints = checkpoints_of(opts)
  local display = opts.progress and not session.quiet and progress.new(opts, compose.describe(kernel).text, why) or nil
  local chains, failure, code = core.run {
    source = prepared.source, kernel = kernel.object, directory = directory,
    chains = opts.chains, threads = opts.threads, warmup = opts.warmup, draws = opts.draws, seed = opts.seed,
    checkpoint_every = checkpoints.every, checkpoint_seconds = checkpoints.seconds,
    pathfinder = opts.init == "pathfinder" and 1 or 0, start_u = start_u, start_z = start_z,
    resume = resume ~= nil,
    watcher = display and function(now) display:update(now) end or nil,
  }
  local result = conclude(directory, display, chains, failure, code)
  result.chains = chains
  remember(result, what, opts)
  if not session.quiet then io.stderr:write(result:verdict(), "\n") end
  return result
end

--- borel.open(path): the fit, or the posterior of a method, of an earlier run, also of one that was interrupted or still goes on.
function infer.open(path)
  if type(path) ~= "string" then core.error("borel.open: needs the path of a run directory, got a " .. type(path)) end
  return fit.open(path)
end

return infer
