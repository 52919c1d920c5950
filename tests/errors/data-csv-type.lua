-- expect: data-csv-type.lua:2: data/good.csv:2: column 'height': '1.5' is no whole number of 64 bits
borel.read("data/good.csv", { types = { height = "i64" } })
