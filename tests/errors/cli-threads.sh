# expect: option 'threads' is -1, must be at least 0
borel run "$models/one.lua" --quiet --threads -1
