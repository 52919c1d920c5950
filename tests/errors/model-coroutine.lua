-- expect: attempt to yield from outside a coroutine
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  coroutine.yield(x)
end))
