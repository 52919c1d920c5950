-- expect: data-encode-missing.lua:2: borel.encode: label 2 is missing; labels are texts, or whole numbers
borel.encode(borel.read("data/missing.csv").name)
