-- expect: name-unprintable.lua:3: sample: the name of a site must be printable UTF-8 text, got "a\?b"
borel.infer(borel.model(function()
  sample("a\nb", dist.normal(0, 1))
end))
