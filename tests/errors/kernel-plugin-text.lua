-- expect: kernel-plugin-text.lua:2: ./data/not.so: not a shared object (no ELF mark at its start)
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = "./data/not.so" })
