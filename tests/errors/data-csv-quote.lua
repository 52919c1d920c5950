-- expect: data-csv-quote.lua:2: data/quote.csv:3: a quote in the middle of a field or not closed; quotes inside a quoted field are doubled
borel.read "data/quote.csv"
