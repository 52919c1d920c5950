-- expect: data-csv-column.lua:2: data/good.csv: option 'columns' names column 'hieght', which the file does not have; did you mean 'height'?
borel.read("data/good.csv", { columns = { "hieght" } })
