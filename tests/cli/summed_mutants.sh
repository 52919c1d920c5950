#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every mutant of the draws of sites that are summed out, code that is wrong on purpose in place of that of the runtime, fails
# the test that the runtime passes (docs/validity.md). Prints by which check.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
mutants=("$BOREL_BUILD_DIR"/mutants/summed/*.so)
[[ -e ${mutants[0]} ]] || {
  echo "skipped: there are no mutants in a build with sanitizers"
  exit 77
}
((${#mutants[@]} == 6)) || fail "${#mutants[@]} mutants instead of 6"
for mutant in "${mutants[@]}"; do
  name="summed $(basename "$mutant" .so)"
  if said=$(LD_PRELOAD=$mutant "$BOREL" run "$BOREL_SOURCE_DIR/tests/lua/summed_draws_test.lua" 2>&1); then
    fail "$name passes"
  elif [[ $said != *"log-probability "* && $said != *"more than expected"* && $said != *"all but impossible"* ]]; then
    fail "$name fails otherwise, which shows nothing: $said"
  fi
  echo "$name: $(tail -n 1 <<<"$said" | sed 's/^borel: [^ ]* //')"
done
finish
