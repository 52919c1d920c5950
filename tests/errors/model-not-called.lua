-- expect: model-not-called.lua:2: borel.infer needs a model made by borel.model, got a function
borel.infer(function() sample("mu", dist.normal(0, 1)) end)
