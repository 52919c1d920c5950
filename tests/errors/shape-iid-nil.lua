-- expect: shape-iid-nil.lua:2: normal:iid needs the number of repetitions
borel.infer(borel.model(function(d) sample("x", dist.normal(0, 1):iid(d.n)) end), { data = {} })
