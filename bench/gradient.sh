# SPDX-License-Identifier: MIT
# Value and gradient of five posteriors of examples/posteriordb by emitted code, beside C written by hand with the flags
# of emitted code (bench/gradient/*.c). Both must agree at a few points; then they are timed in turns, in one process.
# And of small posteriors the time for a point of eight at once, beside one alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
machine=-march=x86-64
if grep -qw avx2 /proc/cpuinfo; then machine=-march=x86-64-v3; fi
${BOREL_CC:-cc} -std=gnu17 -O2 -ftree-vectorize -fpeel-loops "$machine" -fopenmp-simd -fno-math-errno -fno-trapping-math \
  -ffp-contract=off -fvect-cost-model=unlimited -Wno-builtin-declaration-mismatch -shared -fPIC \
  $(pkg-config --cflags lua5.4) bench/gradient/*.c -o "$work/hand.so" -lmvec -lm
BOREL_CACHE=$work/cache "$BOREL" run bench/gradient/run.lua -- "$work/hand.so" "$PWD"
