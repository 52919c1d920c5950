# expect: has 3221225472 bytes; a data file may have at most 2147483648
truncate -s 3G large.csv
borel run "$models/one.lua" --data large.csv
