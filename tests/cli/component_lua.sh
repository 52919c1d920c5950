# SPDX-License-Identifier: MIT
# Kernels and densities written in Lua: the bytes of the same code in C, for any number of workers and across
# interruptions; a worker that dies takes its own chain along and no other; mistakes are said in one line.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
# A worker that is killed by SEGV on purpose is not a finding of a sanitizer.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0
export TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}handle_segv=0
cd "$work"
include=$BOREL_SOURCE_DIR/runtime/include skeletons=$BOREL_SOURCE_DIR/stdlib/borel/skeleton/c
compile() { cc -O2 -ffp-contract=off -fvisibility=hidden -shared -fPIC "-I$include" "$1" -o "$2" -lm; }
same_chains() { for i in 1 2 3 4; do cmp "$1/chain-$i.log" "$2/chain-$i.log" || fail "$3: chain $i differs"; done; }

# walk FILE STEP-LINE: the skeleton's kernel in Lua, with one more line at the start of step
walk() {
  cat >"$1" <<LUA
return borel.component {
  kind = "kernel", name = "my-kernel", summary = "Random-walk Metropolis",
  params = { scale = { default = 1, min = 1e-100, max = 1e100, doc = "standard deviation of a move, before it is tuned" } },
  tuning = { scale = "standard deviation of a move", averaging = { dim = 6 } },
  state = { steps = { dtype = "i64", doc = "so far" } },
  info = { accept = "probability of acceptance", step_size = "standard deviation of the move" },
  claims = { preserves = "measure", reversible = true, ergodic = true },
  warm = function(self, ctx)
    ctx.tuning.scale = self.scale
    ctx:averaging_restart("averaging", self.scale)
  end,
  step = function(self, ctx, target, point, info)
    ctx.state.steps = ctx.state.steps + 1
    $2
    if point.D == 0 then ctx:unsuited "nothing is continuous" end
    local scale, here = ctx.tuning.scale, point.logdensity
    local u = point.u + scale * ctx.rng:normal(point.D)
    local there = target:logdensity(u)
    if ctx.rng:accept(there - here) then
      point:move(u)
      point:know(there)
    end
    info.accept, info.step_size = there > here and 1 or math.exp(there - here), scale
  end,
  adapt = function(self, ctx, target, point, info)
    ctx.tuning.scale = ctx:averaging_update("averaging", info.accept, point.D > 1 and 0.234 or 0.44)
    if ctx.phase.last_of_warmup then ctx.tuning.scale = ctx:averaging_finish "averaging" end
  end,
}
LUA
}
walk walk.lua ""
echo 'borel.infer(borel.model(function() sample("x", dist.normal(3, 2):iid(2)) end), { draws = 200, warmup = 200, checkpoint = 50 })' >model.lua
run() { "$BOREL" run model.lua --quiet "$@"; }

# ---- the same bytes ----
compile "$skeletons/kernel.c" kernel.so
run --kernel ./kernel.so --out c
for threads in 1 2 4; do run --kernel walk.lua --threads $threads --out "lua-$threads"; done
same_chains c lua-1 "C and Lua"
same_chains lua-1 lua-2 "two workers"
same_chains lua-1 lua-4 "four workers"

cat >banana.lua <<'LUA'
return borel.component {
  kind = "density", name = "my-density", summary = "A banana",
  params = { scale = { default = 1, min = 1e-100, max = 1e100 }, bend = { default = 0.5, min = -1e3, max = 1e3 } },
  sites = { { name = "x1" }, { name = "x2" } },
  logdensity = function(self, u)
    local x, rest = u[1] / self.scale, u[2] - self.bend * (u[1] * u[1] - self.scale * self.scale)
    return -math.log(2 * 3.14159265358979323846) - math.log(self.scale) - 0.5 * (x * x + rest * rest)
  end,
  gradient = function(self, u)
    local x, rest = u[1] / self.scale, u[2] - self.bend * (u[1] * u[1] - self.scale * self.scale)
    return -math.log(2 * 3.14159265358979323846) - math.log(self.scale) - 0.5 * (x * x + rest * rest),
      { -x / self.scale + rest * self.bend * 2 * u[1], -rest }
  end,
}
LUA
compile "$skeletons/density.c" density.so
echo 'borel.infer(borel.density("./density.so", { scale = 2 }), { draws = 100, warmup = 100, out = "density-c" })' >density-c.lua
echo 'borel.infer(dofile("banana.lua"){ scale = 2 }, { draws = 100, warmup = 100, out = "density-lua" })' >density-lua.lua
for script in density-c density-lua; do "$BOREL" run $script.lua --quiet; done
same_chains density-c density-lua "a density in C and in Lua under nuts"
echo 'borel.infer(dofile("banana.lua"), { kernel = dofile("walk.lua"){ scale = 0.5 }, draws = 50, warmup = 50 })' >both.lua
"$BOREL" run both.lua --quiet >out 2>&1 || fail "both in Lua: $(cat out)"

# ---- interruptions ----
walk slow.lua 'if not SLOW then SLOW = os.execute("test -e fast && exit 1; sleep 0.01") == nil end'
touch fast
run --kernel slow.lua --out whole
rm fast
for signal in INT KILL; do
  env --default-signal=INT "$BOREL" run model.lua --quiet --kernel slow.lua --out cut-$signal >out 2>&1 &
  process=$!
  for _ in {1..600}; do # until every chain has a checkpoint in the midst of its way
    [[ $(stat -c %s cut-$signal/chain-{1..4}.log 2>/dev/null | awk '$1 > 6000' | wc -l) == 4 ]] && break
    sleep 0.05
  done
  kill -$signal $process
  wait $process && fail "a run that was interrupted by $signal ends with 0"
  [[ $signal == KILL ]] || grep -q 'interrupted.*continue with: borel resume cut-INT' out || fail "$signal: $(cat out)"
  for _ in {1..200}; do # they end as soon as they notice, which on a busy machine takes a while
    pgrep -f "out cut-$signal" >/dev/null || break
    sleep 0.05
  done
  pgrep -f "out cut-$signal" >/dev/null && fail "workers outlive a parent that was stopped by $signal"
  touch fast
  "$BOREL" resume cut-$signal --quiet >out 2>&1 || fail "resume after $signal: $(cat out)"
  rm fast
  same_chains whole cut-$signal "resumed after $signal"
done

# ---- a worker that dies ----
# dies NAME LINE PATTERN: the run fails with one line; the chains that live finish, and the dead one keeps its draws
dies() {
  local code=0
  walk dies.lua "if ctx.state.steps == 271 and ctx.rng:uniform() < 0.5 and not io.open 'mended' then $2 end"
  run --kernel dies.lua --out "$1" --chains 6 >out 2>&1 || code=$?
  ((code == 1)) || fail "$1: exit code $code: $(cat out)"
  [[ $(wc -l <out) == 1 ]] || fail "$1: more than one line: $(cat out)"
  grep -qE "$3" out || fail "$1: no '$3' in: $(cat out)"
  local whole=0 i
  for i in 1 2 3 4 5 6; do
    [[ $(tail -c 4000 "$1/chain-$i.log" | wc -c) == 4000 ]] || fail "$1: chain $i has lost its draws"
    whole=$((whole + ($(stat -c %s "$1/chain-$i.log") == $(stat -c %s c/chain-1.log))))
  done
  ((whole > 0 && whole < 6)) || fail "$1: $whole chains have all their draws"
}
dies killed 'os.execute "kill -SEGV $PPID"' 'chain [1-6]: its process was killed by signal 11 \(Segmentation fault\) after iteration 270.*borel resume'
dies exits 'os.exit(7)' 'chain [1-6]: its process ended itself with exit code 7 after iteration 270'
dies raises 'error "a mistake"' "chain [1-6]: kernel 'my-kernel', iteration 271: step: dies.lua:[0-9]+: a mistake"

# Mended, the killed run goes on and ends as if nothing had happened.
walk dies.lua "if ctx.state.steps == 271 and ctx.rng:uniform() < 0.5 and not io.open 'mended' then os.execute \"kill -SEGV \$PPID\" end"
touch mended
run --kernel dies.lua --out well --chains 6
"$BOREL" resume killed --quiet >out 2>&1 || fail "resume of a killed worker: $(cat out)"
same_chains well killed "resumed after a worker was killed"

# ---- validation ----
cat >flip.lua <<'LUA'
return borel.component {
  kind = "kernel", name = "flip", params = { mutant = false }, claims = { reversible = true, ergodic = true, checks = { "matrix" } },
  step = function(self, ctx, target, point)
    if point.K == 0 then ctx:unsuited "nothing is discrete" end
    local here, k, z = point.logdensity, ctx.rng:uniform_int(point.K) + 1, {}
    for i = 1, point.K do z[i] = point.z[i] end
    for _, site in ipairs(target:sites()) do
      if site.block == "z" and k >= site.first and k < site.first + site.size then z[k] = site.lowest + ctx.rng:uniform_int(site.count) end
    end
    local there = target:logdensity(nil, z)
    if ctx.rng:accept(self.mutant and here - there or there - here) then point:move_z(k, z[k]) end
  end,
}
LUA
"$BOREL" validate flip.lua >out || fail "flip: $(cat out)"
for claim in "preserves the target" reversible ergodic; do grep -qE "holds +$claim +matrix" out || fail "flip: $claim: $(cat out)"; done
sed 's/mutant = false/mutant = true/' flip.lua >wrong.lua
"$BOREL" validate wrong.lua >out && fail "a kernel that prefers low density passes: $(cat out)"
grep -qE 'fails +preserves the target +matrix' out || fail "wrong: $(cat out)"
"$BOREL" validate walk.lua >out || fail "walk: $(cat out)"
grep -qE 'holds +reversible +pairs' out || fail "walk: $(cat out)"
"$BOREL" validate banana.lua >out || fail "banana: $(cat out)"
grep -qE 'holds +gradient is the slope' out || fail "banana: $(cat out)"
walk stray.lua 'if math.random() < 0.5 then ctx.rng:uniform() end'
"$BOREL" validate stray.lua >out && fail "stray randomness passes: $(cat out)"
grep -qE 'fails +deterministic' out || fail "stray: $(cat out)"
walk global.lua 'COUNT = (COUNT or 0) + 1; if COUNT % 7 == 0 then ctx.rng:uniform() end'
"$BOREL" validate global.lua >out && fail "memory outside of state passes: $(cat out)"

# ---- mistakes ----
# mistake LINE-OF-STEP PATTERN
mistake() {
  walk mistake.lua "$1"
  run --kernel mistake.lua --out "mistake-$RANDOM" >out 2>&1 && fail "'$1' passes"
  grep -qF "mistake.lua:14: $2" out || fail "'$1': no '$2' in: $(cat out)"
  [[ $(wc -l <out) == 1 ]] || fail "'$1': more than one line: $(cat out)"
}
mistake 'ctx.tuning.scale = 1' 'tuning may be written in warm and adapt only'
mistake 'self.scale = 1' 'self holds the parameters and never changes'
mistake 'ctx.state.stepz = 1' "the kernel declares no state field 'stepz'"
mistake 'point.u = 1' 'a point is moved by point:move(u)'
mistake 'point:move{ 1 }' 'u has 1 numbers, must have 2'
mistake 'target:logdensity{ 1, "x" }' 'u[2] is no number, but a string'
mistake 'local x = point.v' "point has no 'v'"
walk unset.lua 'if true then return end'
run --kernel unset.lua --out unset >out 2>&1 && fail "unset info passes"
grep -q 'step must set info.accept to a number, and it is a nil' out || fail "unset info: $(cat out)"

# wrong FIELDS PATTERN: a definition
wrong() {
  echo "borel.component { $1 }" >definition.lua
  "$BOREL" run definition.lua >out 2>&1 && fail "{ $1 } passes"
  grep -F "definition.lua:1: " out | grep -qF -- "$2" || fail "{ $1 }: no '$2' in: $(cat out)"
}
step='step = function() end'
wrong "kind = 'kernle'" 'borel.component: kind is kernle, must be "kernel", "density" or "resampler"'
wrong "kind = 'kernel', $step" 'borel.component: name must be a string, got a nil'
wrong "kind = 'kernel', name = 'A b', $step" 'cannot name a component'
wrong "kind = 'kernel', name = 'a'" 'borel.component: step must be a function, got a nil'
wrong "kind = 'kernel', name = 'a', stepp = 1" "borel.component: unknown entry 'stepp'; did you mean 'step'?"
wrong "kind = 'kernel', name = 'a', $step, params = { x = { min = 1 } }" "parameter 'x' needs a default, or required = true"
wrong "kind = 'kernel', name = 'a', $step, params = { x = { default = 3, max = 1 } }" 'the default 3 of parameter x is outside'
wrong "kind = 'kernel', name = 'a', $step, tuning = { x = { dim = 'E' } }" "tuning field 'x': dim is E, must be"
wrong "kind = 'kernel', name = 'a', $step, claims = { preserves = 'mesure' }" "did you mean 'measure'?"
wrong "kind = 'density', name = 'a', logdensity = function() end" 'borel.component: sites must be a table, got a nil'
finish
