-- expect: data-malformed.lua:2: data/cut.json:1:11: invalid JSON: ']' expected near end of file
borel.read "data/cut.json"
