-- expect: data-npz-method.lua:2: data/bzip2.npz: entry 'x.npy': compressed by another method than deflate
borel.read "data/bzip2.npz"
