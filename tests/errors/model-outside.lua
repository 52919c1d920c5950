-- expect: model-outside.lua:2: sample called outside a model: put it into a function given to borel.model, and give that to borel.infer
sample("x", dist.normal(0, 1))
