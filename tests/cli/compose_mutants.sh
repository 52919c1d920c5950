#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every mutant of the compositions, a program with their tests and sources that are wrong on purpose, fails one
# of the tests that they pass (docs/validity.md). Prints which.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
mutants=("$BOREL_BUILD_DIR"/mutants/compose-*)
[[ -x ${mutants[0]} ]] || {
  echo "skipped: the C tests are not built"
  exit 77
}
((${#mutants[@]} == 10)) || fail "${#mutants[@]} mutants instead of 10"
for mutant in "${mutants[@]}"; do
  name=${mutant##*/}
  if said=$("$mutant" --jobs 1 2>&1); then
    fail "$name passes every test"
  elif [[ $said != *"Crashing: 0"* ]]; then
    fail "$name crashes, which shows nothing: $said"
  fi
  echo "$name: $(grep -o 'FAIL. compose::[a-z_]*' <<<"$said" | sed 's/.*:://' | tr '\n' ' ')"
done
finish
