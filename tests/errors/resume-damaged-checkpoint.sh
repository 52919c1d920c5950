# expect: no whole checkpoint
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
for file in run/chain-1.ckpt*; do echo oops >"$file"; done
borel resume run --quiet
