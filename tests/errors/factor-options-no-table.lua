-- expect: factor-options-no-table.lua:4: factor 'f': options are a table, got a boolean
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  factor("f", -x * x, true)
end))
