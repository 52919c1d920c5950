# expect: nowhere.lua: no such file
borel run nowhere.lua
