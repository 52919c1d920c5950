# SPDX-License-Identifier: MIT
# Metric and target acceptance of NUTS on four examples (6 seeds), and how often the non-centred eight schools are
# reliable (60 other seeds).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# runs EXAMPLE METRIC TARGET FIRST LAST: one line a seed
runs() {
  local seed
  for ((seed = $4; seed <= $5; seed++)); do
    "$BOREL" run bench/nuts/run.lua --quiet --seed "$seed" --out "$work/run" -- "examples/posteriordb/$1.lua" "$2" "$3"
    rm -rf "$work/run"
  done
}

for kernel in "low_rank 0.88" "variance 0.80" "fisher 0.80" "fisher 0.85" "fisher 0.88" "fisher 0.90"; do
  read -r metric target <<<"$kernel"
  for example in eight_schools-eight_schools_noncentered wells_data-wells_dae_inter_model kidiq-kidscore_interaction arK-arK; do
    runs $example "$metric" "$target" 1 6 |
      awk -v name="ess_per_1000_gradients_${metric}_${target}_$example" '{ sum += $3 } END { printf "FIGURE %s %.1f\n", name, sum / NR }'
  done
  runs eight_schools-eight_schools_noncentered "$metric" "$target" 101 160 |
    awk -v name="reliable_of_60_${metric}_$target" '{ n += $2 } END { printf "FIGURE %s %d\n", name, n }'
done
