# SPDX-License-Identifier: MIT
# Trace Metropolis-Hastings with one site a step, drawn from its law, in WebPPL and in Borel, on the models of bench/webppl:
# steps a second inside Infer (processor time) and borel.infer (by the clock, as it works in another process), each system on one
# core, its runs in turn with those of the other. Both must find the exact mean within 5 Monte Carlo errors, of the spread of chains. Prints FIGURE lines;
# ROUNDS is 3, CHAINS of a run 2. WebPPL (npm webppl 0.9.15, MIT licence) is installed into bench/.venv-webppl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v npm >/dev/null && command -v taskset >/dev/null || { echo "needs node with npm, and taskset" >&2; exit 2; }
peer=$PWD/.venv-webppl
version=0.9.15
rounds=${ROUNDS:-3} chains=${CHAINS:-2}

if [[ ! -x $peer/node_modules/webppl/webppl ]]; then
  echo "installing webppl into bench/.venv-webppl" >&2
  mkdir -p "$peer"
  echo "{\"private\": true, \"dependencies\": {\"webppl\": \"$version\"}}" >"$peer/package.json"
  npm install --silent --no-audit --no-fund --prefix "$peer"
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
BOREL=$(realpath "$BOREL")
cd webppl

# webppl NAME STEPS WARMUP: appends a line "mean seconds" for each chain, without the first, in which node compiles
webppl() {
  {
    echo 'var seconds = function() { return (process.cpuUsage().user + process.cpuUsage().system) / 1e6; };'
    cat "$1.wppl"
    sed "s/STEPS/$2/; s/WARMUP/$3/; s/CHAINS/$chains/" run.wppl
  } >"$out/program.wppl"
  taskset -c 0 node "$peer/node_modules/webppl/webppl" "$out/program.wppl" | sed -n 's/^chain //p' | tail -n +2 >>"$out/$1.webppl"
}

# borel NAME STEPS WARMUP SEED
borel() {
  taskset -c 0 "$BOREL" run run.lua -- "$1" "$2" "$3" "$chains" "$4" >"$out/log"
  rm -r runs
  sed -n 's/^truth //p' "$out/log" >"$out/$1.truth"
  sed -n 's/^chain //p' "$out/log" >>"$out/$1.borel"
}

# report NAME STEPS: the two systems beside each other; fails when a mean is wrong
report() {
  paste -d' ' "$out/$1.webppl" "$out/$1.borel" | awk -v name="$1" -v steps="$2" -v truth="$(<"$out/$1.truth")" '
    function off(sum, squares) { # in Monte Carlo errors
      mean = sum / NR; error = sqrt((squares / NR - mean * mean) / (NR - 1)); d = mean - truth
      return (d < 0 ? -d : d) / error
    }
    function median(list,  i, j, x) {
      for (i = 2; i <= NR; i++) for (j = i; j > 1 && list[j] < list[j - 1]; j--) { x = list[j]; list[j] = list[j - 1]; list[j - 1] = x }
      return (list[int((NR + 1) / 2)] + list[int((NR + 2) / 2)]) / 2
    }
    { w += $1; ww += $1 * $1; b += $3; bb += $3 * $3; peer[NR] = steps / $2; own[NR] = steps / $4; ratio[NR] = $2 / $4 }
    END {
      printf "%-10s exactly %.5f  WebPPL %.5f (%.1f errors off)  Borel %.5f (%.1f)\n", name, truth, w / NR, off(w, ww), b / NR, off(b, bb)
      printf "FIGURE webppl_%s_steps_per_second %.0f\nFIGURE borel_%s_steps_per_second %.0f\n", name, median(peer), name, median(own)
      printf "FIGURE borel_over_webppl_%s %.2f\n", name, median(ratio)
      exit off(w, ww) > 5 || off(b, bb) > 5
    }'
}

echo "webppl $(node -p "require('$peer/node_modules/webppl/package.json').version"), node $(node --version), $("$BOREL" --version | head -1)"
failed=0
while read -r name steps warmup; do
  for ((round = 1; round <= rounds; round++)); do
    webppl "$name" "$steps" "$warmup"
    borel "$name" "$steps" "$warmup" "$round"
  done
  report "$name" $((steps + warmup)) || failed=1
done <<'END'
geometric 300000 10000
hmm 300000 10000
binomial 300000 10000
walk 20000 1000
END
exit $failed
