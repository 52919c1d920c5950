-- expect: missing-event.lua:3: borel.missing 'y': one value of multi_normal is an array of shape [2]; only numbers can be missing
borel.infer(borel.model(function()
  borel.missing("y", dist.multi_normal({ 0, 0 }, { { 1, 0 }, { 0, 1 } }), { 1, borel.missing })
end))
