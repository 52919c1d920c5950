# SPDX-License-Identifier: MIT
# Every posterior of examples/posteriordb against its reference, three seeds: |z| < 4 for each mean and the same for
# each standard deviation, at an effective sample size of at least 2000. The centred eight schools pass by being
# reported unreliable. SEEDS="1 2" and ONLY=REGEX choose fewer. Writes one line a run, then how many runs and how many posteriors (all seeds) pass.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0 passed_runs=0 runs=0
while read -r name draws; do
  good=1
  for seed in ${SEEDS:-1 2 3}; do
    runs=$((runs + 1))
    "$BOREL" run "examples/posteriordb/$name.lua" --json --quiet --seed "$seed" --draws "$draws" --out "$work/$name-$seed" \
      >"$work/report.json" 2>"$work/errors" || { cat "$work/errors"; good=0; continue; }
    if "$BOREL" run bench/posteriordb/judge.lua -- "$work/report.json" "tests/fixtures/posteriordb/$name.csv" "$name" "$seed"; then
      passed_runs=$((passed_runs + 1))
    else
      good=0
    fi
    rm -rf "${work:?}/$name-$seed"
  done
  pass=$((pass + good))
done < <(grep "${ONLY:-}" <<'LIST'
kidiq-kidscore_interaction 6000
earnings-logearn_interaction 6000
nes1980-nes 2000
sblrc-blr 4000
kilpisjarvi_mod-kilpisjarvi 6000
diamonds-diamonds 6000
wells_data-wells_dae_inter_model 2000
GLM_Poisson_Data-GLM_Poisson_model 2000
eight_schools-eight_schools_centered 2000
eight_schools-eight_schools_noncentered 2000
radon_mn-radon_hierarchical_intercept_noncentered 4000
irt_2pl-irt_2pl 6000
low_dim_gauss_mix-low_dim_gauss_mix 2000
gp_pois_regr-gp_regr 2000
arK-arK 2000
arma-arma11 2000
garch-garch11 4000
hmm_example-hmm_example 2000
bball_drive_event_0-hmm_drive_0 2000
hudson_lynx_hare-lotka_volterra 4000
LIST
)
echo "FIGURE posteriordb_runs $runs"
echo "FIGURE posteriordb_runs_passed $passed_runs"
echo "FIGURE posteriordb_pass $pass"
((passed_runs == runs))
