# SPDX-License-Identifier: MIT
# Plugins are what the header makes of them, not what a compiler does: GCC and Clang, at -O0 and -O3.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
skeletons=$BOREL_SOURCE_DIR/stdlib/borel/skeleton
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -ffp-contract=off -fvisibility=hidden -shared -fPIC"
flags+=" -I$BOREL_SOURCE_DIR/runtime/include"

# check COMPILER STANDARD LEVEL SOURCE
check() {
  local so=$1-$3-$(basename "$4").so
  $1 "-std=$2" "-$3" $flags "$4" -o "$so" -lm >out 2>&1 || { fail "$so: $(head -5 out)"; return; }
  "$BOREL" validate "./$so" >out 2>&1 || fail "$so: $(cat out)"
  grep -q holds out || fail "$so: nothing holds: $(cat out)"
}

# one COMPILER C++COMPILER: all of them, in a folder of its own
one() {
  mkdir "$1" && cd "$1"
  for level in O0 O3; do
    for source in "$BOREL_SOURCE_DIR"/plugins/kernel/{random-walk/random-walk,nuts/nuts}.c "$skeletons"/c/*.c; do
      check "$1" c17 $level "$source"
    done
    for source in "$skeletons"/c++/*.cpp; do check "$2" c++17 $level "$source"; done
  done
  trap - EXIT # the folder is the parent's
  exit $((failures > 0))
}

missing=() running=()
for pair in gcc:g++ clang:clang++; do
  if command -v "${pair%:*}" >/dev/null && command -v "${pair#*:}" >/dev/null; then
    one "${pair%:*}" "${pair#*:}" &
    running+=($!)
  else
    missing+=("${pair%:*}")
  fi
done
for process in "${running[@]}"; do wait "$process" || failures=$((failures + 1)); done
finish
((${#missing[@]} == 0)) || {
  echo "skipped: ${missing[*]} is not installed with its C++ compiler (Debian: clang, g++)"
  exit 77
}
