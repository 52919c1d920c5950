-- expect: data-encode-level.lua:2: borel.encode: label 2 is 'b', which is none of the levels
borel.encode({ "a", "b" }, { "a" })
