# expect: unknown option '--drawz'; did you mean '--draws'?
# code: 2
borel run model.lua --drawz 10
