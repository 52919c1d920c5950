-- expect: array-float-index.lua:2: an array has no 'a'
print(borel.zeros(3)["a"])
