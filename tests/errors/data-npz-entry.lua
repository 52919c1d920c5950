-- expect: data-npz-entry.lua:2: data/entry.npz: entry 'notes.txt': only .npy entries can be read
borel.read "data/entry.npz"
