-- expect: kernel-unknown.lua:2: there is no kernel named "nutz"; did you mean nuts?
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = "nutz" })
