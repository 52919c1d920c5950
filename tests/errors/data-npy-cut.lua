-- expect: data-npy-cut.lua:2: data/cut.npy: shape [3] with 8 bytes each does not take the 16 bytes that follow the header: cut short, or damaged
borel.read "data/cut.npy"
