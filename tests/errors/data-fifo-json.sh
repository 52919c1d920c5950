# expect: pipe.json' is not a regular file
mkfifo pipe.json
borel run "$models/one.lua" --data pipe.json
