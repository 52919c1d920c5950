# SPDX-License-Identifier: MIT
# docs/plugins.md does what it says: its commands run in order, as they stand, and its C replaces what it says.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
mkdir -p "$work/clone/build" "$work/home" "$work/blocks"
ln -s "$BOREL_BUILD_DIR" "$work/clone/build/release"
ln -s "$BOREL_SOURCE_DIR/examples" "$work/clone/examples"
export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} # before HOME changes
unset BOREL BOREL_STDLIB BOREL_PLUGIN_PATH

awk -v to="$work/blocks/" '
  /^```/ {if (file) {close(file); file = ""} else {file = sprintf("%s%02d.%s", to, ++n, substr($0, 4)); gsub(/ /, "-", file)} next}
  file {print > file}' "$BOREL_SOURCE_DIR/docs/plugins.md"
(($(find "$work/blocks" -name '*.sh*' | wc -l) >= 9)) || fail "only these blocks: $(ls "$work/blocks")"

# Replaces scratch or step of langevin.c by a block of C.
replace() {
  local from='^enum [{] SCRATCH_U [}];' to='[{]0[}][}];'
  grep -q SCRATCH_NOISE "$1" && grep -q '^static borel_status step' "$1" && from='^static borel_status step' to='^[}]'
  awk -v block="$1" -v from="$from" -v to="$to" '
    $0 ~ from {while ((getline line < block) > 0) print line; skip = 1}
    !skip {print}
    skip && $0 ~ to {skip = 0}' langevin/langevin.c >changed.c
  cmp -s changed.c langevin/langevin.c && echo "nothing is replaced by $1" && return 1
  mv changed.c langevin/langevin.c
}
export -f replace

skipped=0
{
  echo 'set -euo pipefail'
  for block in "$work"/blocks/*; do
    echo "echo '== $(basename "$block")'"
    case $block in
      *.sh) cat "$block" ;;
      *.sh-rust) if command -v rustc >/dev/null; then cat "$block"; else skipped=1; fi ;;
      *.c) echo "replace '$block'" ;;
      *) fail "a block of another language: $block" ;;
    esac
  done
} >"$work/all.sh"
cd "$work/clone"
HOME=$work/home bash "$work/all.sh" >"$work/out" 2>&1 || fail "docs/plugins.md: $(tail -15 "$work/out")"

section() { awk -v name="== $1" '$0 ~ /^== / {on = index($0, name) == 1} on' "$work/out"; }
[[ $(section 02 | grep -c '^unreliable') == 1 ]] || fail "the walk is not slow: $(section 02)"
section 05 >"$work/mine"
grep -qE 'holds +reversible +pairs' "$work/mine" || fail "langevin is not judged: $(cat "$work/mine")"
grep -q '^reliable' "$work/mine" || fail "langevin: $(cat "$work/mine")"
finish
((skipped == 0)) || {
  echo "skipped: the section on Rust, since there is no rustc (Debian: rustc)"
  exit 77
}
