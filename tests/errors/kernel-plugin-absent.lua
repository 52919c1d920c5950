-- expect: kernel-plugin-absent.lua:2: ./nowhere.so: No such file or directory
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = "./nowhere.so" })
