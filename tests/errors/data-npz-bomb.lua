-- expect: data-npz-bomb.lua:2: data/bomb.npz: entry 'x.npy': it claims to unpack to more than its compressed bytes can hold
borel.read "data/bomb.npz"
