-- expect: scan-zero.lua:2: scan: the number of steps is 0, must be at least 1
borel.scan(function(c) return c + 1 end, 0, 0)
