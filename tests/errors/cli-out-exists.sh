# expect: 'run' already holds a run: resume it or choose another directory
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out run >/dev/null 2>&1
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out run
