-- expect: array-convert.lua:2: to "i64": element 1 is 1.5
borel.array({ 1.5 }):to "i64"
