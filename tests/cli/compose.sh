# SPDX-License-Identifier: MIT
# Runs with a composition of kernels: the same bytes for any number of threads and after interruptions; the
# composition is in the manifest, and a run is not continued with another one; `borel explain` says what is
# chosen.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
script=$BOREL_SOURCE_DIR/examples/mixture_labels.lua
options=(--chains 4 --warmup 200 --draws 300 --seed 3 --quiet)

for threads in 1 2 4; do
  "$BOREL" run "$script" "${options[@]}" --threads $threads --out threads-$threads >/dev/null
  cat threads-$threads/chain-{1,2,3,4}.log | sha256sum >threads-$threads.sum
done
cmp threads-1.sum threads-2.sum && cmp threads-1.sum threads-4.sum || fail "threads change the draws"

# A part written in Lua makes chains run in processes; the others do not notice.
cat >lua.lua <<'LUA'
local still = borel.component { kind = "kernel", name = "still", step = function() end }
local m = borel.model(function()
  local k = sample("k", dist.bernoulli(0.4):iid(5))
  sample("x", dist.normal(borel.sum(k), 1))
end)
local function draws(kernel) return borel.infer(m, { kernel = kernel, chains = 2, draws = 50, warmup = 50 }):draws "x" end
local gibbs, nuts = borel.on("z", borel.gibbs {}), borel.on("u", borel.nuts {})
local a, b = draws(borel.cycle { gibbs, nuts }), draws(borel.cycle { gibbs, borel.on("x", still {}), nuts })
assert(borel.sum(borel.abs(a - b)) == 0)
LUA
"$BOREL" run lua.lua --quiet >lua.txt 2>&1 || fail "a part in Lua: $(cat lua.txt)"

long=(--chains 2 --warmup 500 --draws 15000 --seed 5 --checkpoint 100 --quiet)
start=$(date +%s%N)
"$BOREL" run "$script" "${long[@]}" --out whole >/dev/null
elapsed=$((($(date +%s%N) - start) / 1000000)) # ms
want=$(cat whole/chain-{1,2}.log | sha256sum)
RANDOM=7
killed=0
for ((k = 0; killed < 3 && k < 30; k++)); do
  "$BOREL" run "$script" "${long[@]}" --out killed-$k >/dev/null 2>&1 &
  pid=$!
  delay=$((elapsed / 5 + RANDOM * RANDOM % (elapsed / 2)))
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
  wait $pid 2>/dev/null || true
  [[ -f killed-$k/manifest.json ]] || continue
  "$BOREL" resume killed-$k --quiet >/dev/null
  [[ $(cat killed-$k/chain-{1,2}.log | sha256sum) == "$want" ]] || fail "killed after $delay of $elapsed ms: other bytes"
  last=killed-$k
done
((killed == 3)) || fail "only $killed of $k runs were alive when killed"

grep -q '"text": "cycle(on z: gibbs, on u: nuts)"' "$last/manifest.json" || fail "the manifest does not name the parts"
cp "$script" changed.lua
"$BOREL" run changed.lua "${options[@]}" --out changed >/dev/null
sed -i 's/draws = 2000 }/draws = 2000, kernel = borel.cycle { borel.on("u", "nuts"), borel.on("z", "gibbs") } }/' changed.lua
if "$BOREL" resume changed --quiet >changed.txt 2>&1; then fail "a run went on with another composition"; fi
grep -q 'the run was started with kernel cycle' changed.txt || fail "changed: $(cat changed.txt)"

"$BOREL" explain "$script" >explain.txt 2>&1 || fail "explain: $(cat explain.txt)"
grep -q '^kernel   cycle(on z: gibbs, on u: nuts): some unknowns are discrete' explain.txt || fail "explain: $(cat explain.txt)"
grep -q '^labels   50 discrete unknowns are drawn in 1 group' explain.txt || fail "explain: $(cat explain.txt)"
finish
