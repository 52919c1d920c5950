-- expect: data-deep.lua:2: the JSON is nested more than 200 deep
borel.read "data/deep.json"
