-- expect: kernel-mixture-entry.lua:2: borel.mixture: entry 2 is not { kernel, weight }
borel.mixture { { borel.nuts {}, 0.5 }, borel.slice {} }
