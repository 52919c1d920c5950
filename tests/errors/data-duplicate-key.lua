-- expect: data-duplicate-key.lua:2: data/duplicate.json:2:4: invalid JSON: duplicate object key near '"y"'
borel.read "data/duplicate.json"
