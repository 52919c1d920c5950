-- expect: borel-model-field.lua:3: attempt to call a nil value (field 'infer')
local m = borel.model(function() sample("mu", dist.normal(0, 1)) end)
m.infer()
