# expect: unexpected argument 'b.lua'
# code: 2
borel run a.lua b.lua
