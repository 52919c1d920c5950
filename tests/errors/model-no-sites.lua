-- expect: model-no-sites.lua:2: the model has no sites: it calls sample nowhere, so there is nothing to infer
borel.infer(borel.model(function() observe("y", dist.normal(0, 1), 0.5) end))
