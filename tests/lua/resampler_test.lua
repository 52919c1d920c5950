-- SPDX-License-Identifier: MIT
-- Resamplers from Lua: exact laws of offspring numbers by name, in Lua, by path; what they refuse.
local core = require "borel.core"

local function close(a, b, tolerance, what)
  assert(math.abs(a - b) <= tolerance, ("%s: %.17g, expected %.17g"):format(what, a, b))
end

-- Mean offspring numbers over all paths, and how many paths there are.
local function enumerate(resampler, weights, count)
  local source, means, paths = core.enumerate(), {}, 0
  for i = 1, #weights do means[i] = 0 end
  while source:next() do
    local ancestors = resampler.object:resample(source, weights, count)
    assert(#ancestors == (count or #weights))
    for k = 1, #ancestors do means[ancestors[k]] = means[ancestors[k]] + source:probability() end
    paths = paths + 1
  end
  return means, paths
end

local in_lua = borel.component {
  kind = "resampler", name = "in-lua", params = { shared = true },
  claims = { floor_ceiling = true, at_most_multinomial = true },
  resample = function(self, rng, weights, count)
    local u, finish, ancestors, last = rng:unif(), 0, {}, nil
    for i = 1, #weights do
      if weights[i] > 0 then
        finish, last = finish + count * weights[i], i
        while #ancestors < count and u:below(finish - #ancestors) do
          ancestors[#ancestors + 1] = i
          if not self.shared then u = rng:unif() end
        end
      end
    end
    while #ancestors < count do ancestors[#ancestors + 1] = last end
    return ancestors
  end,
}

-- ---- laws -----------------------------------------------------------------------------------------------------------
for _, name in ipairs { "multinomial", "stratified", "systematic", "residual" } do
  for _, weights in ipairs { { 1 }, { 0.3, 0.7 }, { 0, 0.25, 0.75 }, { 0.1, 0.2, 0.3, 0.4 } } do
    for _, count in ipairs { 1, 2, 3, 5 } do
      local means = enumerate(borel.resampler(name), weights, count)
      for i, w in ipairs(weights) do close(means[i], count * w, 1e-12, ("%s, weight %d"):format(name, i)) end
    end
  end
end
-- The ends lie at 0.5, 1.5, 2.5 and 4 offspring: u is below 0.5 or not.
local _, paths = enumerate(borel.resampler "systematic", { 0.125, 0.25, 0.25, 0.375 })
assert(paths == 2, paths)

-- As many offspring as weights unless stated; integers are weights too; the same stream, the same ancestors.
local systematic = borel.resampler("systematic").object
assert(#systematic:resample(core.philox(1), { 0.5, 0.5 }) == 2)
local ones = systematic:resample(core.philox(1), borel.array { 0, 1, 0 }, 4)
assert(ones.dtype == "i64" and tostring(ones) == "array i64 [4] {2, 2, 2, 2}", tostring(ones))
local weights = borel.array { 0.1, 0.2, 0.3, 0.4 }
local first, again = systematic:resample(core.philox(5), weights, 100), systematic:resample(core.philox(5), weights, 100)
assert(tostring(first) == tostring(again))
assert(borel.resampler("systematic").object:describe().name == "systematic")

-- In Lua and in C: the same ancestors, with and without parameters, and after loading from a file.
local path = os.tmpname() .. ".lua"
local file = assert(io.open(path, "w"))
file:write [[return borel.component { kind = "resampler", name = "from-file", resample = function(_, rng, w, n)
  local a = {} for k = 1, n do a[k] = rng:categorical(w) end return a end }]]
file:close()
local from_file = borel.resampler(path)
os.remove(path)
for seed = 1, 20 do
  local function draw(resampler) return tostring(resampler.object:resample(core.philox(seed), weights, 33)) end
  assert(draw(in_lua) == draw(borel.resampler "systematic"))
  assert(draw(in_lua { shared = false }) == draw(borel.resampler "stratified"))
  assert(draw(from_file) == draw(from_file))
end
close(enumerate(from_file, { 0.3, 0.7 }, 3)[2], 2.1, 1e-12, "from a file")

-- ---- in a particle filter -------------------------------------------------------------------------------------------
-- A hidden Markov chain of two states, observed as 0, 1, 1; two particles, resampled twice. The relative variance of the
-- estimated evidence, by rational arithmetic: 19538529/26700254 and 133626453/186901778; without resampling 0.7723287202.
local start, move, zero, seen = { 0.6, 0.4 }, { { 0.7, 0.3 }, { 0.2, 0.8 } }, { 0.9, 0.3 }, { 0, 1, 1 }
local Z = 29001 / 250000

local function evidence(source, resampler)
  local state, weight, product, before = {}, { 1, 1 }, 1, 2
  for t, y in ipairs(seen) do
    for i = 1, 2 do
      state[i] = source:categorical(t == 1 and start or move[state[i]])
      weight[i] = weight[i] * (y == 0 and zero[state[i]] or 1 - zero[state[i]])
    end
    local sum = weight[1] + weight[2]
    if resampler or t == #seen then product = product * sum / before end
    if resampler and t < #seen then
      local a = resampler:resample(source, { weight[1] / sum, weight[2] / sum })
      state, weight = { state[a[1]], state[a[2]] }, { 1, 1 }
    end
  end
  return product
end

local function relative_variance(resampler)
  local source, mean, square = core.enumerate(), 0, 0
  while source:next() do
    local estimate = evidence(source, resampler)
    local p = source:probability()
    mean, square = mean + p * estimate, square + p * estimate ^ 2
  end
  close(mean, Z, 1e-12, "mean of the estimated evidence")
  return square / Z ^ 2 - 1
end

close(relative_variance(nil), 0.7723287202, 1e-10, "importance sampling")
close(relative_variance(borel.resampler("multinomial").object), 19538529 / 26700254, 1e-12, "multinomial")
for _, name in ipairs { "systematic", "residual" } do
  close(relative_variance(borel.resampler(name).object), 133626453 / 186901778, 1e-12, name)
end

-- ---- validation -----------------------------------------------------------------------------------------------------
local verdicts = {}
for _, row in ipairs(borel.validate(in_lua)) do verdicts[row.claim] = row.verdict end
for _, claim in ipairs { "unbiased offspring", "floor or ceiling", "at most multinomial", "returns ancestors", "deterministic" } do
  assert(verdicts[claim] == "holds", claim)
end
assert(verdicts["serves many threads at once"] == "not tested")
local single = borel.component { kind = "resampler", name = "single", claims = { at_most_multinomial = true },
  resample = function(_, rng, w, count)
    local k, a = rng:categorical(w), {}
    for i = 1, count do a[i] = k end
    return a
  end }
verdicts = {}
for _, row in ipairs(borel.validate(single)) do verdicts[row.claim] = row.verdict end
assert(verdicts["unbiased offspring"] == "holds" and verdicts["at most multinomial"] == "fails")

-- ---- what is refused --------------------------------------------------------------------------------------------------
local function refuses(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(pattern, 1, true), ("expected '%s', got %s"):format(pattern, tostring(message)))
end
local source = core.philox(1)
local function resample(...) return systematic:resample(source, ...) end
refuses("systematic: weight 2 is -0.5; it must be finite and not negative", resample, { 0.75, -0.5, 0.75 })
refuses("systematic: weight 1 is nan", resample, { 0 / 0, 1 })
refuses("systematic: weight 2 is inf", resample, { 0, math.huge })
refuses("systematic: the 2 weights sum to 0.5, not to 1; divide them by their sum", resample, { 0.25, 0.25 })
refuses("systematic: the 2 weights sum to 0, not to 1", resample, { 0, 0 })
refuses("resample: there are no weights", resample, {})
refuses("weights are a list of numbers or an array of one axis, got a string", resample, "heavy")
refuses("weights are a list of numbers or an array of one axis, got a nil", resample)
refuses("weights are a list of numbers or an array of one axis, got one of shape [1, 2]", resample, { { 0.5, 0.5 } })
refuses("the number of offspring is 0, must be a whole number, at least 1", resample, { 1 }, 0)
refuses("the number of offspring is -2, must be", resample, { 1 }, -2)
refuses("the number of offspring is 1.5, must be", resample, { 1 }, 1.5)
refuses("the number of offspring is two, must be", resample, { 1 }, "two")
refuses("would take", resample, { 1 }, 1 << 60)
refuses("a source of randomness is needed, got a number", systematic.resample, systematic, 3, { 1 })
refuses("there is no resampler named \"systemtic\"; did you mean systematic?", borel.resampler, "systemtic")
refuses("borel.resampler: needs the name of a resampler or the path of a plugin, got a nil", borel.resampler)
refuses("systematic: has no parameters, so no speed", borel.resampler, "systematic", { speed = 1 })
refuses("must be \"kernel\", \"density\" or \"resampler\"", borel.component, { kind = "sampler" })
refuses("borel.component: resample must be a function, got a nil", borel.component, { kind = "resampler", name = "x" })
refuses("unknown entry 'reversible'", borel.component,
  { kind = "resampler", name = "x", claims = { reversible = true }, resample = function() end })

-- A component in Lua that returns what are no ancestors, or fails; a source that it keeps draws no more.
local kept
local function component(resample_it)
  return borel.component { kind = "resampler", name = "wrong", resample = resample_it }.object
end
local function wrong(pattern, f) refuses(pattern, function() component(f):resample(core.philox(1), { 0.5, 0, 0.5 }) end) end
wrong("resample returns 4", function() return { 1, 1, 4 } end)
wrong("resample returns 1.5", function() return { 1, 1.5, 1 } end)
wrong("the result of resample has 2 numbers, must have 3", function() return { 1, 1 } end)
wrong("the result of resample must be a list or an array of 3 numbers, got a nil", function() end)
wrong("wrong: ancestor 2 of offspring 1 is no particle with a weight", function() return { 2, 1, 1 } end)
wrong("a mistake", function() error "a mistake" end)
wrong("the source of a component draws only while its function runs", function(_, rng)
  if kept then kept:uniform() end
  kept = rng
  component(function(_, inner) kept = inner return { 1, 1, 1 } end):resample(core.philox(1), { 0.5, 0, 0.5 })
  kept:uniform()
end)
