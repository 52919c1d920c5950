-- expect: data-csv-latin1.lua:2: data/latin1.csv:2: not UTF-8 text; save the file as UTF-8
borel.read "data/latin1.csv"
