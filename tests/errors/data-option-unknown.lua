-- expect: data-option-unknown.lua:2: borel.read: unknown option 'separator'
borel.read("data/good.csv", { separator = ";" })
