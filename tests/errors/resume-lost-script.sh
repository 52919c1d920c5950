# expect: script.lua: no such file
cp "$models/one.lua" script.lua
borel run script.lua --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
rm script.lua
borel resume run --quiet
