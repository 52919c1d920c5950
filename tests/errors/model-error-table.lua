-- expect: the script raised an error that is no text (a table)
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1))
  error { code = 3 }
end))
