-- expect: kernel-mixture-weight.lua:2: mixture: weight 2 is -0.5, must be above 0
borel.mixture { { borel.nuts {}, 0.5 }, { borel.slice {}, -0.5 } }
