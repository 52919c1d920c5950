-- expect: array-argument.lua:2: exp: argument 1 is a string; a number, an array or a value of the model is needed
borel.exp "x"
