# expect: 'data' is not a run directory: it has no manifest.json
borel summary data
