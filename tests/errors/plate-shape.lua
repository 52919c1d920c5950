-- expect: plate-shape.lua:4: sample 'x': parameters of shape [3] in plates of shape [8]: they must be numbers or have one value for each element
borel.infer(borel.model(function()
  plate("school", 8, function()
    sample("x", dist.normal({ 1, 2, 3 }, 1))
  end)
end))
