# expect: folder.csv': Is a directory
mkdir folder.csv
borel run "$models/one.lua" --data folder.csv
