# expect: option '--draws' needs a value
# code: 2
borel run model.lua --draws
