# expect: cannot make directory '/proc/nowhere': No such file or directory
borel run "$models/one.lua" --quiet --draws 10 --warmup 10 --out /proc/nowhere/run
