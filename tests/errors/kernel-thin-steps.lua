-- expect: kernel-thin-steps.lua:2: borel.thin: needs a whole number of steps, at least 1, and a kernel, got 0
borel.thin(0, borel.nuts {})
