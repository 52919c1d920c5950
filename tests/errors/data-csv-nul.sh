# expect: nul.csv:2: not UTF-8 text
printf 'a\n1\0002\n' >nul.csv
borel run "$models/one.lua" --data nul.csv
