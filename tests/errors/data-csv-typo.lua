-- expect: data-csv-typo.lua:2: data/typo.csv:4: column 'y': 'three' is no number, as the entries before are; missing ones are empty or NA, and types = {
borel.read "data/typo.csv"
