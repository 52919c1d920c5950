-- expect: data-npz-pickle.lua:2: data/pickle.npz: entry 'x.npy': elements of type '|O' cannot be read: objects are stored as pickles, which are programs: never
borel.read "data/pickle.npz"
