# SPDX-License-Identifier: MIT
# Wrong programs, data and commands (tests/errors, one file each): the program says what is wrong in one line, with
# the line of the script where there is one, and ends - it never crashes, hangs or shows its own insides.
#
#   NAME.lua   run as it is; NAME.sh is bash, where `borel` is the program and $models the folder of helper scripts
#   -- expect: TEXT   first line (# in NAME.sh): what the message must contain
#   # code: N         second line: the exit code when it is not 1
#
# The data files come from tests/errors/data.py.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cases=$BOREL_SOURCE_DIR/tests/errors
export models=$cases/models BOREL
borel() { "$BOREL" "$@"; }
export -f borel

# one FILE: prints what is wrong with the answer.
one() {
  local file=$1 code=0 want=1 folder expect output
  folder=$work/$(basename "$file").d output=$work/$(basename "$file").out
  mkdir "$folder" && cd "$folder"
  ln -s "$cases/data" data
  expect=$(sed -n '1s/^[-#]* expect: //p' "$file")
  [[ $(sed -n 2p "$file") =~ ^"# code: "([0-9]+)$ ]] && want=${BASH_REMATCH[1]}
  if [[ $file == *.lua ]]; then
    cp "$file" .
    timeout $limit "$BOREL" run "$(basename "$file")" --quiet >"$output" 2>&1 </dev/null || code=$?
  else
    timeout $limit bash "$file" >"$output" 2>&1 </dev/null || code=$?
  fi
  ((code == want)) || echo "$(basename "$file"): exit code $code: $(head -c 400 "$output")"
  [[ -n $expect ]] || echo "$(basename "$file"): its first line expects nothing"
  grep -qF -- "$expect" "$output" || echo "$(basename "$file"): no '$expect' in: $(head -c 400 "$output")"
  [[ $(wc -l <"$output") == 1 ]] || echo "$(basename "$file"): more than one line: $(head -c 400 "$output")"
  ! grep -qE 'stack traceback|borel/[a-z]+\.lua:|\[C\]' "$output" || echo "$(basename "$file"): shows the insides of Borel: $(head -c 400 "$output")"
}
export -f one
limit=20 # seconds: nothing hangs
[[ -z ${BOREL_SANITIZE:-} ]] || limit=120
export work cases limit

count=$(find "$cases" -maxdepth 1 -name '*.lua' -o -maxdepth 1 -name '*.sh' | wc -l)
((count >= 100)) || fail "only $count cases"
left_out=()
if [[ -n ${BOREL_SANITIZE:-} ]]; then # whose allocator stops at sizes where malloc says no
  echo "left out under sanitizers: model-many-bytes, scan-huge"
  left_out=(! -name model-many-bytes.lua ! -name scan-huge.lua)
fi
find "$cases" -maxdepth 1 \( -name '*.lua' -o -name '*.sh' \) "${left_out[@]}" -print0 | sort -z |
  xargs -0 -P 2 -I{} bash -c 'one "$1"' _ {} >"$work/wrong"
while read -r line; do fail "$line"; done <"$work/wrong"
echo "$count wrong programs"
finish
