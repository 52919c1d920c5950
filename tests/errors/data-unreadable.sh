# expect: cannot open
ln -s loop.csv loop.csv
borel run "$models/one.lua" --data loop.csv
