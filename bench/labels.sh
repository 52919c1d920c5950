# SPDX-License-Identifier: MIT
# Labels of a mixture of two normals, drawn by gibbs with nuts on the continuous unknowns, or summed out: instructions of an iteration
# (callgrind, a run of 60 less one of 20), and least effective draws of the continuous unknowns in 3000 draws with
# the time that the run takes. NUMBERS="100 500" of labels; SEED=2 takes another seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v valgrind >/dev/null || { echo "valgrind is missing" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOREL_CACHE=$work/cache LD_BIND_NOW=1
run() { "$BOREL" run bench/labels/run.lua --quiet --seed "${SEED:-1}" -- "$@"; }
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$BOREL" run bench/labels/run.lua --quiet --seed "${SEED:-1}" -- "$@" 2>&1 >/dev/null |
    awk '/Collected/ { print $4 }'
}
for n in ${NUMBERS:-100 500}; do
  for how in together apart out; do
    run "$n" "$how" 20 >/dev/null # compiles, so that valgrind need not
    few=$(instructions "$n" "$how" 20) many=$(instructions "$n" "$how" 60)
    echo "FIGURE instructions_labels_${how}_$n $(((many - few) / 40))"
  done
  for how in together out; do
    start=$(date +%s%N)
    draws=$(run "$n" "$how" 6000)
    echo "FIGURE ess_labels_${how}_$n $draws"
    echo "FIGURE seconds_labels_${how}_$n $(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $start) / 1e9 }")"
  done
done
