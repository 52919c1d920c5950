# SPDX-License-Identifier: MIT
# seeds.sh HARNESS FOLDER: small valid inputs for a harness, from the fixtures and from a short run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=$1 out=$2
rm -rf "$out"
mkdir -p "$out"

short_run() {
  echo 'return borel.model(function() sample("x", dist.normal(0, 1):iid(3)) end)' >"$out/model.lua"
  "$BOREL" run "$out/model.lua" --quiet --draws 20 --warmup 20 --chains 1 --out "$out/run" >/dev/null
  cp "$out/run/$1" "$out/"
  rm -r "$out/run" "$out/model.lua"
}

case $name in
  csv)
    printf '\000a,b,c\n1,2.5,x\n,NA,"y, ""z"""\n' >"$out/plain"
    printf '\001a;b\r\ntrue;-1e300\r\n\r\nfalse;inf\r\n' >"$out/semicolons"
    printf '\014\xef\xbb\xbfa,b,c\n"p\nq",nan,9223372036854775807\n\xc3\xa9,1,2' >"$out/marked"
    printf '\002"",a,b\n1,2,3\n' >"$out/row-names"
    ;;
  npy) cp "$root"/tests/fixtures/data/*.npy "$out/" ;;
  npz) cp "$root"/tests/fixtures/data/*.npz "$out/" ;;
  json)
    cp "$root"/examples/{eight_schools,sblrc}.json "$out/" 2>/dev/null || true
    printf '{"a": [[1, 2.5], [null, -3e300]], "b": [true, false], "c": [], "d": "\\u00e9", "e": [[1], [2, 3]]}' >"$out/mixed"
    ;;
  log_reader) short_run chain-1.log ;;
  checkpoint) short_run chain-1.ckpt ;;
  manifest) short_run manifest.json ;;
esac
