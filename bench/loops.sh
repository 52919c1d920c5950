# SPDX-License-Identifier: MIT
# Models written as plain loops over 1000 steps, beside the same models written with arrays and scan: seconds from the
# trace to the compiled model (nothing cached), and microseconds for value and gradient, native code, best of several.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
BOREL_CACHE=$work/cache "$BOREL" run bench/loops/loops.lua
