# expect: unknown command 'rnu'; did you mean 'run'? (see borel --help)
# code: 2
borel rnu model.lua
