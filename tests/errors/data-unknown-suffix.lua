-- expect: data-unknown-suffix.lua:2: borel.read: data-unknown-suffix.lua: only .json, .csv, .tsv, .npy and .npz files can be read
borel.read "data-unknown-suffix.lua"
