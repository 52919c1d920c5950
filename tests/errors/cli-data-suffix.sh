# expect: only .json, .csv, .tsv, .npy and .npz files can be read
borel run "$models/one.lua" --data data/not.so
