# expect: the run was started with kernel random-walk
cp "$models/kernel.lua" script.lua
borel run script.lua --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
sed -i 's/random_walk/nuts/' script.lua
borel resume run --quiet
