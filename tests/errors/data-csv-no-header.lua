-- expect: data-csv-no-header.lua:2: data/no-header.csv:1: the first line must name the columns, it holds numbers
borel.read "data/no-header.csv"
