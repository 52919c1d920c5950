-- expect: fit-open-nothing.lua:2: cannot open the run 'no-such-run': No such file or directory
borel.open "no-such-run"
