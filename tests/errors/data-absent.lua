-- expect: data-absent.lua:2: cannot open 'data/nowhere.json': No such file or directory
borel.read "data/nowhere.json"
