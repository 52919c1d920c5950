# SPDX-License-Identifier: MIT
# Every example against its reference posterior, three seeds: |z| < 4 for each mean and the same for each standard
# deviation, at an effective sample size of at least 2000. The centred eight schools pass by being reported
# unreliable. Writes one line a run, then FIGURE posteriordb_pass N of 21 runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 runs=0
while read -r example reference draws; do
  for seed in ${SEEDS:-1 2 3}; do
    runs=$((runs + 1))
    "$BOREL" run "examples/$example.lua" --json --quiet --seed "$seed" --draws "$draws" --out "$work/$example-$seed" \
      >"$work/report.json" 2>"$work/errors" || { cat "$work/errors"; continue; }
    if "$BOREL" run bench/posteriordb/judge.lua -- "$work/report.json" "tests/fixtures/posteriordb/$reference.csv" "$example" "$seed"; then
      pass=$((pass + 1))
    fi
    rm -rf "${work:?}/$example-$seed"
  done
done <<'LIST'
eight_schools eight_schools-eight_schools_noncentered 2000
eight_schools_centered eight_schools-eight_schools_centered 2000
kidiq kidiq-kidscore_interaction 6000
sblrc sblrc-blr 4000
wells wells_data-wells_dae_inter_model 2000
gauss_mix low_dim_gauss_mix-low_dim_gauss_mix 2000
ark arK-arK 2000
LIST
echo "FIGURE posteriordb_runs $runs"
echo "FIGURE posteriordb_pass $pass"
((pass == runs))
