-- expect: data-npy-text.lua:2: data/text.npy: elements of type '<U1' cannot be read: texts cannot be read from NPY; write them to a .csv or .json file
borel.read "data/text.npy"
