# expect: the script is missing
# code: 2
borel run
