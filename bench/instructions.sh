# SPDX-License-Identifier: MIT
# Machine instructions of one gradient of each posterior of examples/posteriordb, counted by callgrind, at one point:
# steady where times are not. ONLY=REGEX chooses fewer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v valgrind >/dev/null || { echo "valgrind is missing" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOREL_CACHE=$work/cache LD_BIND_NOW=1
for script in examples/posteriordb/*.lua; do
  name=$(basename "$script" .lua)
  [[ $name =~ ${ONLY:-.} ]] || continue
  "$BOREL" run bench/gradient/one.lua -- "$PWD/$script" >/dev/null # compiles, so that valgrind need not
  rm -f "$work"/count*
  valgrind --tool=callgrind --toggle-collect=target_gradient --dump-after=target_gradient \
    --callgrind-out-file="$work/count" "$BOREL" run bench/gradient/one.lua -- "$PWD/$script" >/dev/null 2>"$work/errors" ||
    { cat "$work/errors"; exit 1; }
  echo "FIGURE instructions_${name//-/_} $(awk '$1 == "totals:" { print $2 }' "$work/count.1")"
done
