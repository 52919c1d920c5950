# expect: cannot open the run
borel explain "$models/one.lua" --at nowhere
