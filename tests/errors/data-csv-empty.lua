-- expect: data-csv-empty.lua:2: data/empty.csv: the file is empty
borel.read "data/empty.csv"
