-- expect: dist-define-bad.lua:2: dist.define: 'params' must be a table, got a nil
dist.define { name = "mine", logdensity = function(x) return -x * x end }
