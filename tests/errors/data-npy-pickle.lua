-- expect: data-npy-pickle.lua:2: data/object.npy: elements of type '|O' cannot be read: objects are stored as pickles, which are programs: never read; save
borel.read "data/object.npy"
