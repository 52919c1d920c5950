# SPDX-License-Identifier: MIT
# What a leapfrog step of NUTS costs beyond the gradient, for D unknowns and each form of the metric: nanoseconds (least
# of many batches), instructions (with valgrind), and the whole of a leapfrog in runs of the eight schools on 1 and 2 threads.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(dirname "$BOREL")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O3 -D_GNU_SOURCE -DPLUGINS="\"$build/plugins\"" -Iruntime -Iruntime/include bench/leapfrog/leapfrog.c -o "$build/leapfrog" \
  -L"$build" -lborel -Wl,-rpath,"$build" -lm
"$build/leapfrog" times

# instructions FUNCTION ARGS: how many are spent in FUNCTION and below; what is printed goes to $work/said
instructions() {
  valgrind --tool=callgrind --callgrind-out-file="$work/out" --toggle-collect="$1" "$build/leapfrog" "$@" 2>"$work/log" >"$work/said"
  awk '/Collected/ { print $NF }' "$work/log"
}
if command -v valgrind >/dev/null; then
  for D in 1 10 100 1000; do
    slope=$(instructions slopes $D 1000)
    for metric in fisher low_rank dense; do
      [[ $metric$D == dense1000 ]] && continue # 4 million
      total=$(instructions steps $metric $D 100)
      awk -v name="${metric}_D$D" -v total="$total" -v slope="$slope" \
        '{ printf "FIGURE leapfrog_instructions_%s %.0f\n", name, total / $1 - slope / 1000 }' "$work/said"
    done
  done
fi

for threads in 1 2; do
  "$BOREL" run bench/leapfrog/run.lua --quiet --out "$work/run" -- examples/posteriordb/eight_schools-eight_schools_noncentered.lua $threads
  rm -rf "$work/run"
done
