# expect: pipe.csv' is not a regular file
mkfifo pipe.csv
borel run "$models/one.lua" --data pipe.csv
