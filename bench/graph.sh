# SPDX-License-Identifier: MIT
# Value and gradient of three log-densities: emitted code, the interpreter, and C written by hand, in one run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(dirname "$BOREL")
cc -O2 -Wno-psabi -D_GNU_SOURCE -Iruntime -Iruntime/include bench/graph/speed.c -o "$build/graph_speed" -L"$build" -lborel \
  -Wl,-rpath,"$build" -lm
"$build/graph_speed" "$@"
