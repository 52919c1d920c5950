-- expect: kernel-cycle-empty.lua:2: cycle: it needs 1 to 99 kernels, not 0
borel.cycle {}
