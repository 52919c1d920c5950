# SPDX-License-Identifier: MIT
# Runs of programs as they are written, by methods in place of kernels: equal bytes for 1 and 2 threads, and for runs that are
# killed at random moments and continued; their run directories are read by the same commands.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"

cat >model.lua <<'LUA'
local seen = { 0.3, 1.1, 0.4, 1.9, 2.5 }
-- Sites in a number that is drawn, whole numbers, an array, a state that loops state.
local varying = borel.model(function()
  local n, total = sample("n", dist.poisson(2)), 0
  for k = 1, n do total = total + sample({ "x", k }, dist.normal(0, 1)) end
  local w = sample("w", dist.dirichlet({ 1, 2, 3 }))
  observe(dist.normal(total, 1), 1.5)
  factor(w[1])
  return n, { total = total, many = n > 2 }
end)
local coins = borel.model(function()
  local n = 0
  while sample({ "again", n + 1 }, dist.bernoulli(0.5)) == 1 do n = n + 1 end
  factor(-math.abs(n - 4) * math.log(2))
  return n
end)
local walk = borel.model(function(data)
  local x = 0
  for t, y in ipairs(data) do
    x = sample({ "x", t }, dist.normal(x, 1))
    observe(dist.normal(x, 0.5), y)
  end
  return x
end)
local parameters = borel.model(function() return sample("mu", dist.normal(0, 2)) end)
local noisy = borel.model(function(mu, data)
  for t, y in ipairs(data) do observe(dist.normal(sample({ "z", t }, dist.normal(mu, 1)), 1), y) end
  return mu
end)
local resampled = borel.model(function(data) -- a program inside the program
  local mu = sample("mu", dist.normal(0, 1))
  factor(borel.rep.inside("inner", borel.rep.pipeline { borel.rep.spawn(3), borel.rep.finish(), borel.rep.collapse() },
    noisy, mu, data).units[1].value)
  return mu
end)
local jobs = {
  varying = { varying, borel.trace_mh { steps = 5 } },
  tree = { coins, borel.trace_mh { steps = 10 } },
  pmmh = { noisy, borel.pmmh { parameters = parameters, particles = 5 } },
  particle_gibbs = { walk, borel.particle_gibbs { particles = 8 } },
  inside = { resampled, borel.particle_gibbs { particles = 3 } },
  smc = { walk, borel.smc { particles = 300, moves = 1 } },
  smc2 = { noisy, borel.smc2 { parameters = parameters, particles = 20, inner = 10 } },
  importance = { varying, borel.importance { particles = 1000 } },
}
local job = jobs[arg[1]]
print(borel.infer(job[1], { data = seen, kernel = job[2], chains = 2, warmup = 30 }):summary())
LUA

logs_of() { cat "$1"/chain-{1,2}.log | sha256sum; }
declare -A draws=([varying]=200 [tree]=40000 [pmmh]=60 [particle_gibbs]=60 [inside]=60 [smc]=300 [smc2]=20 [importance]=1000)
RANDOM=20261125
moments=2
[[ -z ${BOREL_SANITIZE:-} ]] || moments=1
for job in "${!draws[@]}"; do
  options=(--draws "${draws[$job]}" --seed 5 --checkpoint $((draws[$job] / 15)) --quiet)
  start=$(date +%s%N)
  "$BOREL" run model.lua "${options[@]}" --threads 2 --out $job -- $job >summary
  elapsed=$((($(date +%s%N) - start) / 1000000)) # ms
  want=$(logs_of $job)
  "$BOREL" run model.lua "${options[@]}" --threads 1 --out $job-1 -- $job >summary-1
  [[ $(logs_of $job-1) == "$want" ]] || fail "$job: one thread gives other bytes than two"
  cmp -s summary summary-1 || fail "$job: another summary"
  killed=0
  for ((k = 0; killed < moments && k < 10 * moments; k++)); do
    out=$job-killed
    "$BOREL" run model.lua "${options[@]}" --out $out -- $job >/dev/null 2>&1 &
    pid=$!
    delay=$((RANDOM * RANDOM % elapsed))
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
    wait $pid 2>/dev/null || true
    if [[ -f $out/manifest.json ]]; then
      "$BOREL" resume $out --quiet >summary-1
      [[ $(logs_of $out) == "$want" ]] || fail "$job: killed after $delay of $elapsed ms: other bytes"
      cmp -s summary summary-1 || fail "$job: killed after $delay of $elapsed ms: another summary"
    fi
    rm -rf $out
  done
  ((killed == moments)) || fail "$job: only $killed of $k runs were alive when killed"
  "$BOREL" resume $job --quiet >/dev/null
  [[ $(logs_of $job) == "$want" ]] || fail "$job: resuming a finished run changes it"
  "$BOREL" summary $job >again || fail "$job: no summary of the directory"
  head -n "$(wc -l <summary)" again | cmp -s - summary || fail "$job: borel summary says something else"
done

# A run goes on from its checkpoint: killed behind half of its draws, it runs the program less often than a whole one.
cat >counted.lua <<'LUA'
local rate, ran = 2, io.open("ran", "a")
local function total(n)
  local sum = 0
  for k = 1, n do sum = sum + sample({ "x", k }, dist.normal(0, 1)) end
  return sum
end
local model = borel.model(function()
  ran:write ".":flush()
  local n = sample("n", dist.poisson(rate))
  observe(dist.normal(total(n), 1), 1.5)
  if os.getenv "STOP" and ran:seek "end" > tonumber(os.getenv "STOP") then while true do end end
  return n
end)
borel.infer(model, { kernel = borel.trace_mh { steps = 10 } })
LUA
options=(--chains 1 --draws 300 --warmup 0 --checkpoint 50 --quiet)
"$BOREL" run counted.lua "${options[@]}" --out counted
whole=$(stat -c %s ran)
rm ran
STOP=$((whole * 6 / 10)) "$BOREL" run counted.lua "${options[@]}" --out halted &
pid=$!
for _ in {1..600}; do
  (($(stat -c %s ran 2>/dev/null || echo 0) > whole * 6 / 10)) && break
  sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null || true
rm ran
"$BOREL" resume halted --quiet
cmp halted/chain-1.log counted/chain-1.log || fail "halted and resumed: other bytes"
(($(stat -c %s ran) < whole * 6 / 10)) || fail "resuming ran the program $(stat -c %s ran) times, a whole run $whole"

# A changed program is refused, also where only a function or a number beside the model has changed.
for change in 's/dist.normal(0, 1)/dist.normal(0, 2)/' 's/rate, ran = 2/rate, ran = 3/' 's/return n$/return n + 1/'; do
  cp counted.lua kept.lua
  sed -i "$change" counted.lua
  if "$BOREL" resume counted --quiet 2>message; then fail "resumed after $change"; fi
  grep -q "the data or the model have changed" message || fail "$change: $(cat message)"
  mv kept.lua counted.lua
done
"$BOREL" resume counted --quiet || fail "the program as it was is refused"

# Ctrl-C: what there is, and the way on; a population is made again.
interrupt() { # NAME BYTES ARGUMENTS...: when both logs have more bytes
  env --default-signal=INT "$BOREL" run model.lua --out "$1" "${@:3}" >output 2>trouble &
  pid=$!
  for _ in {1..1200}; do
    (($(stat -c %s "$1/chain-1.log" 2>/dev/null || echo 0) > $2)) && (($(stat -c %s "$1/chain-2.log" 2>/dev/null || echo 0) > $2)) && break
    sleep 0.05
  done
  kill -INT $pid
  code=0
  wait $pid || code=$?
  ((code == 130)) || fail "$1: exit code $code: $(cat trouble)"
}
interrupt chains 10000 --threads 2 --draws 1000000 --checkpoint 20 --quiet -- varying
grep -q "R-hat" output || fail "interrupted chains: no summary: $(cat output)"
grep -q "interrupted; [0-9]* draws in each of 2 chains so far; continue with: borel resume .*chains" trouble || fail "$(cat trouble)"
"$BOREL" summary chains | grep -q "the run is not finished" || fail "summary of interrupted chains"
sed -i 's/particles = 300, moves/particles = 300000, moves/' model.lua
interrupt population 10 --threads 2 --quiet -- smc
grep -q "no draws yet, chain 1: stopped on request; continue with: borel resume" trouble || fail "$(cat trouble)"
"$BOREL" summary population | grep -q "no draws yet" || fail "summary of an interrupted population"

# JSON, and a run that other commands cannot use.
"$BOREL" summary smc --json >smc.json
echo 'local d = borel.read(arg[1]) assert(d.method == "smc" and d.log_evidence < 0 and d.finished and d.draws == 300)' >json.lua
"$BOREL" run json.lua -- smc.json || fail "JSON of smc: $(head -c 300 smc.json)"
if "$BOREL" explain "$BOREL_SOURCE_DIR/examples/eight_schools.lua" --at smc 2>message; then fail "explain at a run of smc"; fi
grep -q "a run of smc, which has no point of the compiled model" message || fail "explain: $(cat message)"
finish
