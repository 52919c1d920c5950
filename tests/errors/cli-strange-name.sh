# expect: unknown option '-x'
# code: 2
borel run -x model.lua
