# SPDX-License-Identifier: MIT
# Samples of Borel's solvers beside those of the same solvers in diffusers and k-diffusion: one exact score (a mixture), one
# grid, one start, one noise, all in float64. Prints how far the two are apart, and the orders that both have: errors against
# a fine solution, or, with noise, of the exact variance. Fails when two that should be one differ by more than 1e-7 of
# the largest coordinate. The peers live in bench/.venv-diffusion, from the versions in bench/diffusion/requirements.txt;
# k-diffusion 0.1.1.post1 without what it needs for images. ONLY=REGEX chooses cases. Prints FIGURE lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=$PWD/.venv-diffusion/bin/python

[[ -x $python ]] || python3 -m venv .venv-diffusion
if ! cmp -s diffusion/requirements.txt .venv-diffusion/installed.txt; then
  echo "installing peers into bench/.venv-diffusion" >&2
  "$python" -m pip install --quiet --disable-pip-version-check --prefer-binary -r diffusion/requirements.txt
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps \
    k-diffusion==0.1.1.post1 torchsde==0.2.6 torchdiffeq==0.2.5 trampoline==0.1.2 tqdm || echo "k-diffusion is not there" >&2
  cp diffusion/requirements.txt .venv-diffusion/installed.txt
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$BOREL" run diffusion/borel.lua -- "$out/borel.json"
"$python" diffusion/peers.py "$out/borel.json" "${ONLY:-.}"
