# expect: option '--draws' must be a whole number, got '99999999999999999999'
# code: 2
borel run model.lua --draws 99999999999999999999
