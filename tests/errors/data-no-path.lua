-- expect: data-no-path.lua:2: borel.read: needs the path of a file, got a nil
borel.read()
