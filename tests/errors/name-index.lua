-- expect: name-index.lua:3: sample: index 1 of the name {'x', ...} must be a whole number or a text, got a table
borel.infer(borel.model(function()
  for i = 1, 2 do sample({ "x", {} }, dist.normal(0, 1)) end
end))
