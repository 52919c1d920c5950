-- expect: kernel-parameter.lua:2: nuts: unknown parameter max_dept; did you mean max_depth?
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = borel.nuts { max_dept = 3 } })
