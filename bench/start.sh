# SPDX-License-Identifier: MIT
# How long eight schools takes from the start of the process: to the first gradient, with a cold and a warm cache
# of compiled models, and to the printed summary. Medians of several runs, in seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOREL_CACHE=$work/cache
runs=${1:-9}

# median COMMAND...: seconds of wall time
median() {
  for ((i = 0; i < runs; i++)); do
    [[ $cold == no ]] || rm -rf "$BOREL_CACHE"
    local start=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    echo "$start $EPOCHREALTIME"
  done | awk '{ print $2 - $1 }' | sort -n | awk '{ t[NR] = $1 } END { printf "%.4f\n", t[int((NR + 1) / 2)] }'
}

first_gradient() { "$BOREL" run bench/start/first_gradient.lua; }
summary() { "$BOREL" run examples/eight_schools.lua --out "$work/run-$RANDOM$RANDOM"; }

cold=yes
first_cold=$(median first_gradient)
summary_cold=$(median summary)
cold=no
first_warm=$(median first_gradient)
summary_warm=$(median summary)
echo "FIGURE first_gradient_cold_s $first_cold"
echo "FIGURE first_gradient_warm_s $first_warm"
echo "FIGURE summary_cold_s $summary_cold"
echo "FIGURE summary_warm_s $summary_warm"
