-- expect: fit-open-directory.lua:2: 'data' is not a run directory: it has no manifest.json
borel.open "data"
