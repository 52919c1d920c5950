# expect: data: a directory, not a script
borel run data
