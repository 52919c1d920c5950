-- expect: data-csv-utf16.lua:2: data/utf16.csv:1: not UTF-8 text; save the file as UTF-8
borel.read "data/utf16.csv"
