# SPDX-License-Identifier: MIT
# What the command-line tests share. BOREL is the program, BOREL_SOURCE_DIR the source tree.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/borel-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
export BOREL_CACHE=$work/cache # no test depends on what an earlier one compiled
export BOREL_CERTIFICATES=$work/certificates # or leaves anything behind
failures=0

fail() {
  echo "FAIL: $*" >&2
  failures=$((failures + 1))
}

finish() {
  ((failures == 0)) || exit 1
}
