# SPDX-License-Identifier: MIT
# Metrics of NUTS on every posterior of examples/posteriordb: bulk effective draws of the worst quantity for 1000
# gradients, and how many runs are reliable. SEEDS="1 2", METRICS="fisher dense" and ONLY=REGEX choose fewer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for example in examples/posteriordb/*.lua; do
  name=$(basename "$example" .lua)
  [[ $name =~ ${ONLY:-.} ]] || continue
  for metric in ${METRICS:-fisher variance dense low_rank}; do
    for seed in ${SEEDS:-1 2 3}; do
      timeout "${LIMIT:-900}" "$BOREL" run bench/nuts/run.lua --quiet --seed "$seed" --out "$work/run" -- "$example" "$metric" 0.88 ||
        echo "- 0 0" # too slow, or an error that stands above
      rm -rf "$work/run"
    done | awk -v name="$name" -v metric="$metric" '
      $1 == "-" { lost++; next }
      { runs++; reliable += $2; sum += $3; if (runs == 1 || $3 < least) least = $3 }
      END { if (lost) printf "%-50s %-9s %d runs came to no end\n", name, metric, lost
            if (!runs) exit
            printf "%-50s %-9s mean %8.2f  least %8.2f  reliable %d of %d\n", name, metric, sum / runs, least, reliable, runs
            printf "FIGURE ess_per_1000_gradients_%s_%s %.2f\n", metric, name, sum / runs }'
  done
done
