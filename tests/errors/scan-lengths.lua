-- expect: scan-lengths.lua:2: scan: sequence 2 has 4 elements, the first has 3
borel.scan(function(c, x) return c + x[1] end, 0, { borel.zeros(3), borel.zeros(4) })
