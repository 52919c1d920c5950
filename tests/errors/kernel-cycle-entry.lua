-- expect: kernel-cycle-entry.lua:2: borel.cycle: needs a kernel such as borel.nuts{}, got a number
borel.cycle { borel.nuts {}, 3 }
