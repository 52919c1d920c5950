# SPDX-License-Identifier: MIT
# The twenty posteriors with Borel and with its peers: Stan, nutpie (PyMC), NumPyro, BlackJAX, each as it does best, 4
# chains of 1000 + 1000 on the same two cores. Prints tables and FIGURE lines, and writes docs/pictures/peers.svg when all
# posteriors and peers were run. ONLY=REGEX and PEERS="stan nutpie" choose fewer, LIMIT (seconds, 900) ends a run that is too slow,
# SEED is 1, REPORT=1 measures nothing. The peers live in bench/.venv-peers, from the versions in
# bench/peers/requirements.txt; Stan's programs are built once, into build/bench/peers/stan.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=$PWD/.venv-peers/bin/python
read -ra peers <<<"${PEERS-stan nutpie numpyro blackjax}"

install() {
  [[ -x $python ]] || python3 -m venv .venv-peers
  cmp -s peers/requirements.txt .venv-peers/installed.txt && return
  echo "installing peers into bench/.venv-peers" >&2
  "$python" -m pip install --quiet --disable-pip-version-check --prefer-binary -r peers/requirements.txt ||
    # one that cannot be had must not keep the others away
    while read -r requirement; do
      "$python" -m pip install --quiet --disable-pip-version-check --prefer-binary "$requirement" || echo "not installed: $requirement" >&2
    done < <(grep -v '^#' peers/requirements.txt)
  cp peers/requirements.txt .venv-peers/installed.txt
}

# has PEER: its packages are there
has() {
  case $1 in
    stan) "$python" -c 'import httpstan' && command -v g++ ;;
    nutpie) "$python" -c 'import nutpie, pymc, numba' ;;
    numpyro) "$python" -c 'import jax, numpyro' ;;
    blackjax) "$python" -c 'import jax, numpyro, blackjax' ;;
    *) return 1 ;;
  esac >/dev/null 2>&1
}

# measure PEER NAME: leaves build/bench/peers/runs/NAME.PEER.json and .npz; when there is none, NAME.PEER.failed says why
measure() {
  local run=$out/runs/$2.$1 status=0
  rm -f "$run".*
  if [[ $1 == stan ]]; then "$python" peers/run_stan.py "$2" --build; fi # LIMIT is for sampling
  timeout "${LIMIT:-900}" taskset -c 0,1 "$python" "peers/run_$1.py" "$2" >"$out/log" 2>&1 || status=$?
  ((status == 0)) && return
  if ((status == 124)); then
    echo "no end within ${LIMIT:-900} s" >"$run.failed"
  else
    tail -1 "$out/log" >"$run.failed"
  fi
  echo "$1: $2: $(<"$run.failed")" >&2
}

install
export PEERS_OUT=${PEERS_OUT:-$(cd .. && pwd)/build/bench/peers}
out=$PEERS_OUT
mkdir -p "$out/runs"
there=(borel)
for peer in "${peers[@]}"; do
  if has "$peer"; then there+=("$peer"); else echo "$peer is not there; the others are measured without it" >&2; fi
done
if [[ -z ${REPORT:-} ]]; then
  for example in ../examples/posteriordb/*.lua; do
    name=$(basename "$example" .lua)
    [[ $name =~ ${ONLY:-.} ]] || continue
    for peer in "${there[@]}"; do measure "$peer" "$name"; done
  done
fi
"$python" peers/score.py
"$python" peers/report.py "${ONLY:-.}" "${there[@]:1}"
