# expect: option '--draws' must be a whole number, got 'many'
# code: 2
borel run model.lua --draws many
