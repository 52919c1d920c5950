-- expect: name-borel.lua:2: borel has no 'sampel'; did you mean 'sample'?
borel.sampel()
