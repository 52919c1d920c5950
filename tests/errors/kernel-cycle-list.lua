-- expect: kernel-cycle-list.lua:2: borel.cycle: needs a list of kernels in braces, as in borel.cycle{ borel.gibbs{}, borel.nuts{} }
borel.cycle(borel.nuts {}, borel.gibbs {})
