-- expect: array-method.lua:2: an array has no 'summ'
borel.zeros(3):summ()
