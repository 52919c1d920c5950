# SPDX-License-Identifier: MIT
# Equal seeds give equal bytes: for 1, 2 and 4 threads, and for runs that are killed at 20 random moments and
# continued. Resuming costs at most one checkpoint interval of gradients.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
script=$BOREL_SOURCE_DIR/examples/eight_schools.lua
options=(--chains 4 --warmup 300 --draws 500 --seed 11 --quiet)

logs_of() { cat "$1"/chain-{1,2,3,4}.log | sha256sum; }

for threads in 1 2 4; do
  "$BOREL" run "$script" "${options[@]}" --threads $threads --out threads-$threads >/dev/null
done
want=$(logs_of threads-1)
for threads in 2 4; do
  [[ $(logs_of threads-$threads) == "$want" ]] || fail "$threads threads give other bytes than one"
done

# More chains leave the first ones alone.
"$BOREL" run "$script" "${options[@]}" --chains 2 --out two >/dev/null
cmp two/chain-2.log threads-1/chain-2.log || fail "the number of chains changes a chain"

# Killed wherever it happens to be. The run is made slow enough to be hit: many more draws.
long=(--chains 2 --warmup 500 --draws 30000 --seed 5 --checkpoint 100 --quiet)
start=$(date +%s%N)
"$BOREL" run "$script" "${long[@]}" --out whole >/dev/null
elapsed=$((($(date +%s%N) - start) / 1000000)) # ms
want=$(cat whole/chain-{1,2}.log | sha256sum)
RANDOM=20261124
killed=0 moments=20
[[ -z ${BOREL_SANITIZE:-} ]] || moments=5
for ((k = 0; killed < moments && k < 10 * moments; k++)); do
  out=killed-$k
  # From the very start (no directory yet) to near the end; every fourth falls into the first 15 %: warm-up.
  span=$elapsed
  ((k % 4)) || span=$((elapsed * 15 / 100 + 1))
  "$BOREL" run "$script" "${long[@]}" --out $out >/dev/null 2>&1 &
  pid=$!
  delay=$((RANDOM * RANDOM % span))
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
  wait $pid 2>/dev/null || true
  if [[ ! -f $out/manifest.json ]]; then # killed before there was a run
    rm -rf $out
    "$BOREL" run "$script" "${long[@]}" --out $out >/dev/null
  else
    "$BOREL" resume $out --quiet >/dev/null
  fi
  [[ $(cat $out/chain-{1,2}.log | sha256sum) == "$want" ]] || fail "killed after $delay of $elapsed ms: other bytes"
  rm -rf $out
done
((killed == moments)) || fail "only $killed of $k runs were alive when killed"
echo "$killed runs killed and continued, $k tried"

# A finished run resumes to itself without a step; a changed script, other data and a second writer are refused.
"$BOREL" resume whole --quiet >/dev/null
[[ $(cat whole/chain-{1,2}.log | sha256sum) == "$want" ]] || fail "resuming a finished run changes it"

cp "$script" "$BOREL_SOURCE_DIR/examples/eight_schools.json" .
"$BOREL" run eight_schools.lua "${options[@]}" --out changed >/dev/null
sed -i 's/"y"/"yy"/; s/normal(0, 5)/normal(0, 6)/' eight_schools.lua
if "$BOREL" resume changed --quiet >/dev/null 2>message; then fail "a changed model was resumed"; fi
grep -q "changed since" message || fail "changed model: $(cat message)"
finish
