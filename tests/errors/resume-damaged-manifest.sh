# expect: run/manifest.json' is malformed at line 1, column 4
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
echo 'oops' >run/manifest.json
borel resume run --quiet
