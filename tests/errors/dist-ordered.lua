-- expect: dist-ordered.lua:3: half_normal:ordered: only distributions over the whole real line can be ordered
borel.infer(borel.model(function()
  sample("s", dist.half_normal(1):iid(2):ordered())
end))
