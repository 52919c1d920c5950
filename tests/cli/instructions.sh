# SPDX-License-Identifier: MIT
# Machine instructions of one gradient of five posteriors, counted by callgrind, so that no other work on the machine
# matters: none may need a tenth more than tests/fixtures/instructions/gradient.txt. That holds for one engine, which its
# first line names (compiler, flags, and so the instruction set: emitted code has AVX2 wherever a machine has it, and never
# more); with another one the test is skipped.
#   bash tests/cli/instructions.sh baseline    prints a new baseline (./dev fixtures instructions)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
baseline=tests/fixtures/instructions/gradient.txt
slack=10 # per cent

skip() {
  echo "skipped: $1"
  exit 77
}
[[ -z ${BOREL_SANITIZE:-} ]] || skip "sanitizers count too"
[[ $BOREL == */release/* ]] || skip "the baseline is of a release build"
command -v valgrind >/dev/null || skip "valgrind is missing"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOREL_CACHE=$work/cache
"$BOREL" run bench/gradient/once.lua -- "$PWD" >"$work/said" # compiles, so that valgrind need not
engine=$(head -1 "$work/said")
[[ ${1:-} == baseline || $engine == "$(head -1 "$baseline")" ]] ||
  skip "the baseline is of $(head -1 "$baseline"), this is $engine"

# The function that a kernel calls, with everything that it calls; one dump for each call.
LD_BIND_NOW=1 valgrind --tool=callgrind --toggle-collect=target_gradient --dump-after=target_gradient \
  --callgrind-out-file="$work/count" "$BOREL" run bench/gradient/once.lua -- "$PWD" >/dev/null 2>"$work/errors" ||
  { cat "$work/errors"; exit 1; }
{
  echo "$engine"
  i=0
  for name in $(tail -n +2 "$work/said"); do
    i=$((i + 1))
    echo "$name $(awk '$1 == "totals:" { print $2 }' "$work/count.$i")"
  done
} >"$work/counted"

if [[ ${1:-} == baseline ]]; then
  cat "$work/counted"
  exit
fi
awk -v slack=$slack '
  FNR == 1 { next }
  NR == FNR { before[$1] = $2; next }
  {
    change = before[$1] ? 100 * ($2 / before[$1] - 1) : 0
    printf "%-14s %8d instructions, %8d in the baseline, %+.1f %%\n", $1, $2, before[$1], change
    if ($2 <= 0 || !before[$1] || change > slack) bad = bad " " $1
    if (change < -slack) less = less " " $1
    seen++
  }
  END {
    if (less != "") print "much fewer: run ./dev fixtures instructions, so that they stay so:" less
    if (bad != "") print "more than " slack " % above the baseline, or not counted:" bad
    exit bad != "" || seen != length(before)
  }' "$baseline" "$work/counted"
