# SPDX-License-Identifier: MIT
# `borel plugins new`: each skeleton builds, passes its tests and runs; bad names and existing files are refused.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
export BOREL
skipped=0
echo 'borel.infer(borel.model(function() sample("x", dist.normal(3, 2):iid(2)) end), { draws = 300, warmup = 300 })' >model.lua
cat >ancestors.lua <<'LUA'
local source = require("borel.core").philox(1)
for _, shared in ipairs { false, true } do
  print(borel.resampler(..., { shared = shared }).object:resample(source, { 0.1, 0, 0.25, 0.65 }, 50))
end
LUA

cat >split.lua <<'LUA'
local involution = borel.involution(...)
print(#involution.object:sides(), table.concat(involution.object:map(1, { 0, 2, 0.5 }), " "))
print(table.concat(involution.object:map(2, { 1, 1.5, 2.5 }), " "), involution.object:log_jacobian(1, { 0, 2, 0.5 }, true))
LUA

# try LANGUAGE KIND: writes, builds, validates, uses.
try() {
  local language=$1 kind=$2 name=my-own-$2
  local dir=${language//+/p}-$kind
  "$BOREL" plugins new "$kind" "$name" --language "$language" --dir "$dir" >out 2>&1 || fail "$dir: $(cat out)"
  grep -qF "next: BOREL=$BOREL $dir/build.sh" out || fail "$dir: no next step in: $(cat out)"
  "$dir/build.sh" >out 2>&1 || { fail "$dir: build.sh: $(cat out)"; return; }
  [[ $kind != kernel ]] || grep -q 'holds *preserves the target *pairs' out || fail "$dir: $(cat out)"
  [[ $kind != density ]] || grep -q 'holds *gradient is the slope *points' out || fail "$dir: $(cat out)"
  [[ $kind != resampler ]] || grep -q 'holds *unbiased offspring *offspring' out || fail "$dir: $(cat out)"
  [[ $kind != involution ]] || [[ $(grep -cE 'holds *(is its own inverse|log-Jacobian|preserves the measure) ' out) == 3 ]] || fail "$dir: $(cat out)"
  grep -rqE 'my-(kernel|density|resampler|involution)|NAME' "$dir" --include='*.*' --exclude='*.so' && fail "$dir: names of the template are left"
  "$BOREL" plugins info "./$dir/$name.so" >out || fail "$dir: info"
  grep -qE '(scale +real|shared +flag)' out || fail "$dir: no parameter in: $(cat out)"
  [[ $kind != involution ]] || [[ $(grep '^side' out) == $'side 0 (trace; auxiliary): two, x; v\nside 1 (trace; auxiliary): two, low, high; nothing' ]] || fail "$dir: $(cat out)"
  if [[ $kind == kernel ]]; then
    "$BOREL" run model.lua --quiet --kernel "./$dir/$name.so" --out "run-$dir" >out 2>&1 || fail "$dir: run: $(cat out)"
    cp "run-$dir/chain-1.log" "$dir.log"
  elif [[ $kind == resampler ]]; then
    "$BOREL" run ancestors.lua -- "./$dir/$name.so" >"$dir.log" 2>&1 || fail "$dir: run: $(cat "$dir.log")"
  elif [[ $kind == involution ]]; then
    "$BOREL" run split.lua -- "./$dir/$name.so" >"$dir.log" 2>&1 || fail "$dir: run: $(cat "$dir.log")"
  else
    echo "print(borel.infer(borel.density('./$dir/$name.so', { bend = 0.2 }), { draws = 200 }):summary())" >density.lua
    "$BOREL" run density.lua --quiet >out 2>&1 || fail "$dir: run: $(cat out)"
    grep -q '^x2 ' out || fail "$dir: no summary: $(cat out)"
  fi
}

for language in c c++; do
  for kind in kernel density resampler involution; do try "$language" "$kind"; done
done
if ! command -v rustc >/dev/null; then
  echo "skipped: the skeletons in Rust, since there is no rustc (Debian: rustc)"
  skipped=1
else
  for kind in kernel density resampler involution; do try rust "$kind"; done
fi

# The kernels are one algorithm, the resamplers too: the same draws, bit for bit.
for kind in kernel resampler involution; do
  cmp c-$kind.log cpp-$kind.log || fail "$kind: C and C++ draw other numbers"
  ((skipped)) || cmp c-$kind.log rust-$kind.log || fail "$kind: C and Rust draw other numbers"
done

# ---- what is thrown stays inside ----
# thrown LANGUAGE EXTENSION SED PATTERN: the skeleton with one line changed ends a run with a message
thrown() {
  local dir=${1//+/p}-kernel name=my-own-kernel
  local file=$dir/$name.$2
  cp "$file" kept
  sed -i "$3" "$file"
  cmp -s kept "$file" && fail "$dir: nothing is changed by $3"
  "$dir/build.sh" >out 2>&1 && fail "$dir: $3: passes"
  "$BOREL" run model.lua --quiet --kernel "./$dir/$name.so" >out 2>&1 && fail "$dir: $3: runs"
  grep -q "borel: chain 1: kernel '$name', iteration 1: $4" out || fail "$dir: $3: $(cat out)"
  cp kept "$file"
}
thrown c++ cpp 's/    borel::random rng = context.rng();/    throw std::runtime_error("thrown"); &/' 'thrown'
thrown c++ cpp 's/    borel::random rng = context.rng();/    throw 7; &/' 'a C++ exception that is no std::exception'
thrown c++ cpp 's/    borel::random rng = context.rng();/    throw std::bad_alloc(); &/' 'out of memory'
thrown c++ cpp 's/    borel::random rng = context.rng();/    throw borel::failure(BOREL_IO, "no disk"); &/' 'no disk'
((skipped)) || thrown rust rs 's/^        let rng = (\*context).rng;/        panic!("thrown"); #[allow(unreachable_code)]\n&/' 'a panic in Rust code'

# ---- refusals: nothing is written ----
# refused CODE PATTERN ARGS
refused() {
  local code=0
  "$BOREL" plugins new "${@:3}" >out 2>&1 || code=$?
  ((code == $1)) || fail "plugins new ${*:3}: exit code $code: $(cat out)"
  grep -q -- "$2" out || fail "plugins new ${*:3}: no '$2' in: $(cat out)"
  [[ $(wc -l <out) == 1 ]] || fail "plugins new ${*:3}: more than one line: $(cat out)"
}
mkdir refusals && cd refusals
refused 1 "the kind 'kernle' is none of density, involution, kernel, resampler; did you mean 'kernel'?" kernle mine
refused 1 "the language 'c--' is none of c, c++, rust" kernel mine --language c--
refused 1 "'Mine' cannot name a kernel: a name is 1 to 64 of a-z, 0-9 and -, a letter first" kernel Mine
refused 1 "cannot name a kernel" kernel ../mine
refused 1 "cannot name a density" density 'a b'
refused 1 "cannot name a density" density ''
refused 1 "cannot name a density" density "$(printf 'a%.0s' {1..65})"
refused 2 "a kind (kernel, density, resampler, involution) and a name are needed" kernel
refused 2 "unexpected argument 'more'" kernel mine more
refused 2 "unknown option '--lang'" kernel mine --lang c
refused 1 "nowhere/mine: No such file" kernel mine --dir nowhere/mine
touch file
refused 1 "file: a file, so it cannot be the folder" kernel mine --dir file
rm file
mkdir mine && echo precious >mine/CMakeLists.txt
refused 1 "mine/CMakeLists.txt: exists, and is not overwritten" kernel mine
[[ $(cat mine/CMakeLists.txt) == precious && $(ls mine) == CMakeLists.txt && $(ls) == $'mine\nout' ]] || fail "a refusal leaves something behind: $(ls -R)"
finish
((skipped == 0)) || exit 77
