-- expect: model-string-repeat.lua:2: resulting string too large
local s = ("x"):rep(1 << 40)
