# SPDX-License-Identifier: MIT
# Ctrl-C keeps the draws: chains stop at their next iteration, the summary of what there is is shown, the exit code is
# 130 and the run can be resumed to the same bytes. It also ends what is not a run: a compilation, an endless loop.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
script=$BOREL_SOURCE_DIR/examples/eight_schools.lua

# begins CONDITION: waits up to a minute until it holds
begins() {
  for _ in {1..1200}; do
    eval "$1" >/dev/null 2>&1 && return
    sleep 0.05
  done
  fail "this has not come about: $1"
}

# interrupt CONDITION ARGS...: runs borel and sends SIGINT once the condition holds. Background jobs ignore SIGINT unless
# told otherwise.
interrupt() {
  local condition=$1 pid begun
  env --default-signal=INT "$BOREL" "${@:2}" >output 2>trouble &
  pid=$!
  begins "$condition"
  begun=$(date +%s%N)
  kill -INT $pid 2>/dev/null || true
  code=0
  wait $pid || code=$?
  waited=$((($(date +%s%N) - begun) / 1000000)) # ms
}

# grown FILE BYTES
grown() { (($(stat -c %s "$1") > $2)); }

# ends NAME: the program has stopped soon, with 130 and one line of text.
ends() {
  ((code == 130)) || fail "$1: exit code $code: $(cat trouble)"
  ((waited < 20000)) || fail "$1: stopped after $waited ms"
  [[ $(grep -c '^borel: interrupted' trouble) == 1 ]] || fail "$1: $(cat trouble)"
}

"$BOREL" compile "$script" >/dev/null # so that the first seconds are those of the chains

# ---- draws: the summary, and the way on ----
interrupt "grown long/chain-1.log 200000 && grown long/chain-2.log 200000" run "$script" --chains 2 --warmup 200 --draws 50000000 --checkpoint 100 --quiet --out long
ends "draws"
grep -q 'R-hat' output || fail "draws: no summary: $(cat output)"
grep -q 'continue with: borel resume .*long' trouble || fail "draws: $(cat trouble)"
before=$(grep -oE '[0-9]+ draws in each' trouble | cut -d' ' -f1)
size=$(stat -c %s long/chain-1.log)
interrupt "grown long/chain-1.log $((size + 200000)) && grown long/chain-2.log $((size + 200000))" resume long --quiet
ends "resumed"
after=$(grep -oE '[0-9]+ draws in each' trouble | cut -d' ' -f1)
((after > before)) || fail "a resumed run went from $before to $after draws"
"$BOREL" summary long >output && grep -q R-hat output || fail "summary of an interrupted run"

# ---- the same bytes ----
options=(--chains 2 --warmup 500 --draws 20000 --seed 5 --checkpoint 100 --quiet)
"$BOREL" run "$script" "${options[@]}" --out whole >/dev/null
interrupt "grown parts/chain-1.log 100000" run "$script" "${options[@]}" --out parts
((code == 130 || code == 0)) || fail "exit code $code"
"$BOREL" resume parts --quiet >/dev/null
[[ $(cat parts/chain-{1,2}.log | sha256sum) == $(cat whole/chain-{1,2}.log | sha256sum) ]] || fail "interrupted and resumed: other bytes"

# ---- warm-up: nothing to show yet ----
interrupt "grown warm/chain-1.log 20000" run "$script" --chains 2 --warmup 50000000 --quiet --out warm
ends "warm-up"
grep -q 'no draws yet, chain 1: stopped on request after [0-9]* of [0-9]* iterations; continue with: borel resume' trouble || fail "warm-up: $(cat trouble)"
[[ ! -s output ]] || fail "warm-up: a summary of nothing: $(cat output)"

# ---- not a run ----
# The thread sanitizer holds signals back until a call, which an endless loop never makes.
if [[ ${BOREL_SANITIZE:-} != thread ]]; then
  cat >endless.lua <<'LUA'
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1))
  io.open("endless", "w"):close() while true do end
end))
LUA
  interrupt "test -e endless" run endless.lua
  ends "endless loop in a model"
  grep -q 'interrupted at endless.lua:3' trouble || fail "endless loop: $(cat trouble)"
  cat >caught.lua <<'LUA'
io.open("caught", "w"):close()
while true do pcall(function() while true do end end) end
LUA
  interrupt "test -e caught" run caught.lua
  ends "endless loop that catches errors"
fi

# A compiler that takes a minute is stopped with us.
cat >cc <<'SH'
#!/bin/bash
[[ $1 == --version ]] && exec echo "slow 1.0"
exec sleep 61.25
SH
chmod +x cc
BOREL_CC=$work/cc BOREL_CACHE=$work/other interrupt "pgrep -f 'sleep 61.25'" run "$script" --quiet --out compile
ends "compilation"
! pgrep -f 'sleep 61.25' >/dev/null || fail "the compiler goes on"

if [[ ${BOREL_SANITIZE:-} == thread ]]; then # as above, and a hundred times slower
  finish
  exit 0
fi

# ---- a second one stops at once, whatever runs ----
cat >slow.lua <<'LUA'
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1):iid(200000))
  for i = 1, 20 do factor({ "f", i }, -(x * i):sin():exp():sum()) end
end), { draws = 100000, kernel = borel.nuts { max_depth = 20, step_size = 1e-9 }, warmup = 0 })
LUA
env --default-signal=INT "$BOREL" run slow.lua --engine interpreter --quiet --out slow >output 2>trouble &
pid=$!
begins "test -s slow/chain-1.log"
sleep 1
kill -INT $pid
sleep 0.3
kill -INT $pid 2>/dev/null || true
begun=$(date +%s)
code=0
wait $pid || code=$?
((code == 130)) || fail "second signal: exit code $code: $(cat trouble)"
(($(date +%s) - begun < 20)) || fail "second signal: not at once"
finish
