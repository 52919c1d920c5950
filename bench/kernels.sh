# SPDX-License-Identifier: MIT
# Kernels and their path lengths on three examples: divergences, reliable or not, least bulk effective sample size, that
# for 1000 evaluations of the target, evaluations for a draw. SEED=2 takes another seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in eight_schools-eight_schools_noncentered arK-arK kidiq-kidscore_interaction; do
  while read -r kernel parameters; do
    # word splitting is meant: each parameter is an argument
    # shellcheck disable=SC2086
    line=$("$BOREL" run bench/kernels/run.lua --quiet --seed "${SEED:-1}" --out "$work/run" -- "examples/posteriordb/$name.lua" "$kernel" $parameters)
    rm -rf "$work/run"
    printf "%-42s %-26s %-28s %s\n" "$name" "$kernel" "$parameters" "$line"
    printf "FIGURE ess_per_1000_%s_%s_%s %s\n" "$kernel" "${parameters// /_}" "$name" "$(awk '{ print $4 }' <<<"$line")"
  done <<'LIST'
nuts
nuts step_jitter=0.2
hmc path_length=1.6 jitter=0
hmc path_length=1.6 jitter=1
hmc path_length=3.2 jitter=0
hmc path_length=3.2 jitter=1
hmc path_length=4.8 jitter=1
microcanonical path_length=1.6 jitter=1
microcanonical path_length=3.2 jitter=0
microcanonical path_length=3.2 jitter=1
microcanonical-unadjusted
mala
slice
elliptical-slice
LIST
done
