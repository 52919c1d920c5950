-- expect: option-engine.lua:2: borel.infer: option 'engine' is 'gpu', must be one of auto, native, interpreter
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { engine = "gpu" })
