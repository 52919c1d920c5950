-- expect: model-unclosed.lua:4: 'end' expected (to close 'function' at line 2) near <eof>
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1))
