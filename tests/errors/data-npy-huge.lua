-- expect: data-npy-huge.lua:2: data/huge.npy: shape [1000000000000, 1000000] with 8 bytes each does not take the 16 bytes that follow the header: cut short, or
borel.read "data/huge.npy"
