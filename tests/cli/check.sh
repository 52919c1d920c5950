# SPDX-License-Identifier: MIT
# borel check and borel explain: what they say of good models and of one that cannot be sampled; their JSON.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
examples=$BOREL_SOURCE_DIR/examples

# expect NAME CODE PATTERN COMMAND...
expect() {
  local code=0
  "${@:4}" >output 2>&1 || code=$?
  ((code == $2)) || fail "$1: exit code $code: $(cat output)"
  grep -qE -- "$3" output || fail "$1: no '$3' in: $(cat output)"
}
has() { grep -qE -- "$2" output || fail "$1: no '$2' in: $(cat output)"; }

# json FILE CONDITION: holds for the document d
json() {
  echo "local d = require('borel.core').read_json('$1'); assert($2, [[$2]])" >condition.lua
  "$BOREL" run condition.lua >message 2>&1 || fail "$1: $(cat message)"
}

# ---- check ----
expect "check" 0 "^ok: 10 continuous" "$BOREL" check "$examples/eight_schools.lua"
has "check" "^gradient +against finite differences at 2 points: largest difference [0-9.]+e-(0[7-9]|1[0-9])"
has "check" "^starts +20 of 20"
has "check" "log-likelihood is finite in 200 \(100 %\)"
has "check" "^  tau +[0-9.]+ +[0-9.]+ +[0-9.]+"
"$BOREL" check "$examples/eight_schools.lua" --json >check.json
json check.json "d.checks[1].report.points == 2 and d.checks[1].report.gradient < 1e-6 and #d.checks[1].report.problems == 0"
json check.json "d.checks[1].report.prior[1].name == 'mu' and d.checks[1].report.prior[1].low < -2"

# The prior of mu is N(0, 5): 5 % and 95 % of 200 draws are within 4 standard errors of +-8.22 (normal quantile;
# the error of a sample quantile is sqrt(p (1 - p) / n) / density = 0.0154 / 0.0206 = 0.75).
json check.json "math.abs(d.checks[1].report.prior[1].low + 8.22) < 3 and math.abs(d.checks[1].report.prior[1].high - 8.22) < 3"

cat >impossible.lua <<'LUA'
return borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  factor("far", borel.where(x:gt(100), 0, -math.huge))
end)
LUA
expect "impossible" 1 "^problems: 1 continuous" "$BOREL" check impossible.lua
has "impossible" "problem +the log-likelihood is not finite in any of 200 draws"
has "impossible" "problem +none of 20 starts"
echo 'return borel.model(function() sample("z", dist.bernoulli(0.5):iid(3)) end)' >discrete.lua
expect "discrete" 0 "^ok: 0 continuous and 3 discrete" "$BOREL" check discrete.lua

# Observations that later ones depend on.
cat >series.lua <<'LUA'
return borel.model(function()
  local a = sample("a", dist.normal(0, 1))
  local y = 0
  for t, value in ipairs { 0.5, 1.5, 0.2 } do y = observe({ "y", t }, dist.normal(a * y, 1), value) end
end)
LUA
expect "series" 0 "^ok: 1 continuous" "$BOREL" check series.lua

# ---- wrong gradients ----
# A coordinate that is rounded moves the density, in steps of 1e-9, and has the derivative 0.
cat >rounded.lua <<'LUA'
return borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  local y = sample("y", dist.normal(0, 1))
  observe("z", dist.normal(x + borel.floor(1e9 * y) / 1e9, 1), 3)
end)
LUA
expect "rounded" 1 "^problems: 2 continuous" "$BOREL" check rounded.lua
has "rounded" "^problem +the gradient is off by [0-9.e+]+ at y: is the density smooth there"

# A density whose gradient is wrong on purpose, as a plugin in C and as a component in Lua; and right ones.
wrong=$BOREL_BUILD_DIR/tests/plugins/wrong_density.so
echo "borel.infer(borel.density('$wrong', { fault = 'slope' }))" >slope.lua
expect "slope" 1 "^problems: 2 continuous" "$BOREL" check slope.lua
has "slope" "^problem +gradient is the slope: "
echo "borel.infer(borel.density('$wrong', { fault = 'none' }))" >right.lua
expect "right" 0 "^holds +gradient is the slope" "$BOREL" check right.lua
for factor in -0.5 -1; do
  cat >component.lua <<LUA
borel.infer(borel.component {
  kind = "density", name = "half", sites = { { name = "x", size = 2 } },
  logdensity = function(_, u) return -0.5 * (u * u):sum() end,
  gradient = function(_, u) return -0.5 * (u * u):sum(), $factor * u end,
})
LUA
  [[ $factor == -1 ]] && code=0 || code=1
  expect "component $factor" $code "gradient is the slope" "$BOREL" check component.lua
done

# ---- explain ----
expect "explain" 0 "^density  log-density -[0-9.]+, .gradient. [0-9.]+" "$BOREL" explain "$examples/eight_schools.lua"
has "explain" "^  y \(.*eight_schools.lua:[0-9]+\) +-[0-9.]+ +[0-9.]+ +[0-9.]+ [nu]s"
has "explain" "^size +[0-9]+ nodes in the graph, [0-9]+ statements"
has "explain" "^kernel +nuts: every unknown is continuous"
expect "loop" 0 "195 terms of loops re-rolled" "$BOREL" explain "$examples/posteriordb/arK-arK.lua"
"$BOREL" explain "$examples/eight_schools.lua" --json --seed 7 >explain.json
# The terms add up to the density, and their gradients bound the norm of its gradient.
json explain.json "(function() local e, sum, norms = d.explanations[1], 0, 0
  for _, t in ipairs(e.terms) do sum, norms = sum + t.logdensity, norms + t.gradient_norm end
  return math.abs(sum - e.logdensity) < 1e-10 * math.abs(sum) and e.gradient_norm <= norms end)()"
"$BOREL" run "$examples/eight_schools.lua" --quiet --draws 50 --warmup 50 --out run >/dev/null
expect "at a run" 0 "^point +the last draw of chain 1 of .*run" "$BOREL" explain "$examples/eight_schools.lua" --at run
expect "at another run" 1 "run: this run has 10 continuous and 0 discrete unknowns, the model 1 and 0" "$BOREL" explain impossible.lua --at run
expect "not finite" 0 "far \(impossible.lua:3\) +-inf .*not finite" "$BOREL" explain impossible.lua
"$BOREL" run discrete.lua --quiet --draws 20 --warmup 20 --out discrete >/dev/null || fail "no run of discrete"
expect "at nothing continuous" 0 "^point +the last draw of chain 1 of .*discrete" "$BOREL" explain discrete.lua --at discrete
cat >loop.lua <<'LUA'
return borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  for i = 1, 12 do observe({ "y", i }, dist.normal(sample({ "theta", i }, dist.normal(mu, 1)), 1), 0.1 * i) end
end)
LUA
expect "rewrites" 0 "^rewrites .*re-rolled into arrays; 13 sites read from 2 inputs; [1-9][0-9]* operations met again" \
  "$BOREL" explain loop.lua
# A point of a run with discrete unknowns: its terms are those of the last draw.
cat >both.lua <<'LUA'
borel.infer(borel.model(function()
  local z = sample("z", dist.binomial(9, 0.5):iid(2))
  local x = sample("x", dist.normal(0, 1))
  observe("y", dist.normal(x + z[1] - z[2], 1), 1)
end), { kernel = borel.random_walk { move = "all" } })
LUA
"$BOREL" run both.lua --quiet --draws 50 --warmup 50 --out both >/dev/null || fail "no run of both"
expect "at discrete" 0 "^point +the last draw of chain 1 of .*both" "$BOREL" explain both.lua --at both
"$BOREL" explain both.lua --at both --json >both.json
json both.json "(function()
  local fit = require('borel').open 'both'
  local z, x = fit:draws 'z', fit:draws('x')[{ 1, 50 }]
  local off = 1 - x - z[{ 1, 50, 1 }] + z[{ 1, 50, 2 }]
  for _, t in ipairs(d.explanations[1].terms) do
    if t.label:find '^y' then return math.abs(t.logdensity + 0.5 * off ^ 2 + 0.5 * math.log(2 * math.pi)) < 1e-12 end
  end
end)()"
echo 'return borel.model(function() local z = sample("z", dist.bernoulli(0.5)) sample("x", dist.normal(z, 1)) end)' >mixed.lua
expect "two kernels" 0 "^kernel +cycle\\(on z: gibbs, on u: nuts\\): some unknowns are discrete" "$BOREL" explain mixed.lua
finish
