# SPDX-License-Identifier: MIT
# Plugins that were built when kernel/1, density/1, resampler/1 and involution/1 were frozen load, are found true, and run.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
[[ $(uname -sm) == "Linux x86_64" ]] || {
  echo "skipped: the fixtures are for Linux on x86-64, this is $(uname -sm)"
  exit 77
}
fixtures=$BOREL_SOURCE_DIR/tests/fixtures/abi
(cd "$fixtures" && sha256sum --quiet -c ./*.sha256) || fail "the fixtures are not those that were frozen"
cp "$fixtures"/*.so "$work"
cd "$work"
for so in *.so; do
  (($(stat -c %s "$so") < 30000)) || fail "$so is larger than 30 kB"
  "$BOREL" validate "./$so" >"$so.txt" 2>&1 || fail "$so: $(cat "$so.txt")"
done
for row in 'preserves the target +matrix: max' 'reversible +pairs: with law = normal' \
  'preserves the target +orbit' 'leaves a true point +steps'; do
  grep -qE "holds +$row" kernel-1.so.txt || fail "kernel-1.so: not '$row' in: $(cat kernel-1.so.txt)"
done
[[ $(grep -c '^kernel/1 frozen-' kernel-1.so.txt) == 3 ]] || fail "kernel-1.so: $(cat kernel-1.so.txt)"
[[ $(grep -c holds density-1.so.txt) == 7 ]] || fail "density-1.so: $(cat density-1.so.txt)"
for row in 'unbiased offspring +offspring' 'at most multinomial +offspring' 'returns ancestors +draws'; do
  grep -qE "holds +$row" resampler-1.so.txt || fail "resampler-1.so: not '$row' in: $(cat resampler-1.so.txt)"
done
[[ $(grep -cE 'holds +(is its own inverse|preserves the measure)' involution-1.so.txt) == 4 ]] || fail "involution-1.so: $(cat involution-1.so.txt)"
[[ $(grep -cE 'holds +log-Jacobian' involution-1.so.txt) == 1 ]] || fail "involution-1.so: $(cat involution-1.so.txt)"

# Means of a normal law and of a coin, within five Monte Carlo errors.
cat >run.lua <<'LUA'
local options = { draws = 2000, warmup = 500, progress = false }
local function mean_is(fit, name, expected)
  for _, row in ipairs(fit:rows()) do
    if row.name == name then
      assert(math.abs(row.mean - expected) < 5 * row.mcse_mean, ("%s: %g +- %g"):format(name, row.mean, row.mcse_mean))
      return
    end
  end
  error("no " .. name)
end
local normal = borel.model(function() sample("x", dist.normal(3, 2)) end)
for _, name in ipairs { "frozen-walk", "frozen-leap" } do
  options.kernel = borel.kernel(name, name == "frozen-walk" and { memory = 5, factors = { 2, 0.5 } } or {})
  mean_is(borel.infer(normal, options), "x", 3)
end
options.kernel = "frozen-flip"
mean_is(borel.infer(borel.model(function() sample("k", dist.bernoulli(0.3)) end), options), "k", 0.3)
options.kernel = "frozen-walk"
borel.infer(borel.density("frozen-density", { offset = 1, sd = { 1, 2 } }), options)
local source = require("borel.core").philox(1)
for _, law in ipairs { "bisection", "binomial", "categorical" } do
  local ancestors = borel.resampler("frozen-resampler", { law = law, width = 3 }).object:resample(source, { 0, 0.25, 0.75 }, 4000)
  local third = 0
  for k = 1, 4000 do third = third + (ancestors[k] == 3 and 1 or 0) end
  assert(math.abs(third - 3000) < 5 * math.sqrt(4000 * 0.25 * 0.75), law)
end
-- Two numbers change places and are scaled: the law of the first is kept.
local rep, turns = borel.rep, {}
local two = borel.model(function() return sample("a", dist.normal(3, 2)) + 0 * sample("b", dist.normal(0, 1)) end)
local kernel = rep.pipeline { rep.mh_step(), rep.involutive { involution = borel.involution("frozen-turn"), check = "full",
  auxiliary = function() sample("by", dist.normal(0, 0.5)) end } }
for i, a in ipairs((rep.chain(kernel, two, { draws = 8000 }))) do turns[i] = a end
local sum, squares = 0, 0
for batch = 0, 39 do -- batch means
  local mean = 0
  for i = 1, 200 do mean = mean + turns[200 * batch + i] / 200 end
  sum, squares = sum + mean / 40, squares + mean * mean / 40
end
assert(math.abs(sum - 3) < 5 * math.sqrt((squares - sum * sum) / 39), sum)
local jump = borel.involution("frozen-jump", { width = 3 }).object
local there = jump:map(1, { 0, 1, 2, 3, -1, 1, 2, 3, 4, 5, 6 })
assert(#there == 11 and there[2] == -0.5 and there[5] == -3 and there[11] == -6)
assert(math.abs(jump:log_jacobian(1, { 0, 1, 2, 3, -1, 1, 2, 3, 4, 5, 6 }, true) - math.log(3 / 6)) < 1e-14)
-- Built before there was the claim: a flow of u says it, a walk that says nothing is taken at its word.
local mixed = borel.model(function() sample("x", dist.normal(sample("k", dist.bernoulli(0.3)), 1)) end)
options.kernel = "frozen-leap"
local ok, message = pcall(borel.infer, mixed, options)
assert(not ok and message:find("frozen-leap moves continuous unknowns only and would leave the discrete unknown 'k'", 1, true), message)
LUA
BOREL_PLUGIN_PATH=$work "$BOREL" run run.lua --quiet >out 2>&1 || fail "run: $(cat out)"
finish
