-- expect: data-csv-ragged.lua:2: data/ragged.csv:3: 1 fields, the header names 2
borel.read "data/ragged.csv"
