-- expect: data-npy-not.lua:2: data/not.npy: no NPY file (it must start with \x93NUMPY)
borel.read "data/not.npy"
