# SPDX-License-Identifier: MIT
# A full disk and a read-only file system: one clear error, and the draws so far stay readable. Exit 77
# (skipped) where mounting is refused; a file size limit is tried everywhere.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
script=$BOREL_SOURCE_DIR/examples/eight_schools.lua

expect_error() { # NAME PATTERN COMMAND...
  local name=$1 pattern=$2
  shift 2
  if "$@" >output 2>&1; then
    fail "$name: succeeded"
  else
    local code=$?
    ((code == 1)) || fail "$name: exit code $code: $(cat output)"
  fi
  grep -Eq "$pattern" output || fail "$name: $(cat output)"
  [[ $(grep -c "^borel: " output) == 1 ]] || fail "$name: not one error: $(cat output)"
}

# RLIMIT_FSIZE stands for a full disk where nothing can be mounted.
limited() { (ulimit -f 700 && exec "$BOREL" run "$script" --chains 2 --draws 20000 --quiet --out limited); }
expect_error "file size limit" "cannot write 'limited/chain-[12].log': File too large" limited
"$BOREL" summary limited >table
grep -q "not finished" table || fail "file size limit: the summary does not say that the run is unfinished"
grep -q "^mu " table || fail "file size limit: no draws in the summary"
"$BOREL" resume limited --quiet >/dev/null 2>&1 || fail "file size limit: cannot be continued without the limit"
"$BOREL" summary limited >table
grep -q "2 chains of 20000 draws" table || fail "file size limit: not complete after resuming"

mkdir disk
if ! mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null; then
  ((failures == 0)) || exit 1
  echo "skipped: this machine does not allow mounting"
  exit 77
fi
trap 'umount disk 2>/dev/null; rm -rf "$work"' EXIT
expect_error "full disk" "cannot write 'disk/run/chain-[12].(log|ckpt.*)': No space left" "$BOREL" run "$script" --chains 2 --draws 20000 --quiet --out disk/run
"$BOREL" summary disk/run >table
grep -q "^mu " table || fail "full disk: no draws in the summary"
mount -o remount,ro disk
expect_error "read-only, new run" "disk/other.*Read-only file system" "$BOREL" run "$script" --quiet --out disk/other
"$BOREL" summary disk/run >table
grep -q "^mu " table || fail "read-only: the run cannot be read"
expect_error "read-only, resume" "Read-only file system" "$BOREL" resume disk/run --quiet
finish
