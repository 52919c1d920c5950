-- expect: data-npz-not.lua:2: data/not.npz: no readable NPZ archive: Not a zip archive
borel.read "data/not.npz"
