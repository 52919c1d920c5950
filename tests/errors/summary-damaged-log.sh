# expect: chain-1.log' is not a draw log of Borel
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
echo oops >run/chain-1.log
borel summary run
