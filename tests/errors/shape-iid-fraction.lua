-- expect: shape-iid-fraction.lua:2: normal:iid: the number of repetitions is 2.5, must be a whole number of at least 1
borel.infer(borel.model(function() sample("x", dist.normal(0, 1):iid(2.5)) end))
