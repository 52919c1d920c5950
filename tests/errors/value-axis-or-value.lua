-- expect: value-axis-or-value.lua:2: log_sum_exp: is 2 an axis or a value? Write { axis = 2 } or 2.0
print(borel.zeros { 3, 2 }:log_sum_exp(2))
