# expect: nowhere.json': No such file or directory
borel run "$models/one.lua" --data nowhere.json
