-- expect: model-none.lua:2: borel.infer needs a model made by borel.model, got a number
borel.infer(42)
