-- expect: kernel-table.lua:2: borel.infer: option 'kernel' must be a kernel such as borel.nuts{}, got a table
borel.infer(borel.model(function() sample("mu", dist.normal(0, 1)) end), { kernel = { max_depth = 3 } })
