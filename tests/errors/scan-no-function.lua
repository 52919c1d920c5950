-- expect: scan-no-function.lua:2: scan: the step must be a function, got a number
borel.scan(3, 0, 10)
