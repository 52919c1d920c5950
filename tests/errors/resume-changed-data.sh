# expect: the data or the model have changed since this run was started; start a new one
cp "$models/reads.lua" script.lua
echo '{"y": 1.5}' >y.json
borel run script.lua --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
echo '{"y": 2.5}' >y.json
borel resume run --quiet
