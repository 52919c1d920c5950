-- expect: model-binary.lua:2: unexpected symbol near '<\27>'
Lua binary
