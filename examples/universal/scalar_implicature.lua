-- SPDX-License-Identifier: MIT
-- Nested inference: a listener who reasons about a speaker who reasons about a listener. WebPPL's example
-- scalarImplicature (npm webppl 0.9.15), after Goodman and Stuhlmueller, Topics in Cognitive Science 5, 2013. Hearing
-- that "some" of three people are nice, the listener finds 1, 2 or 3 of them nice with probability 4/9, 4/9, 1/9:
-- of all three a speaker would have said "all", with 3/4.
local beside = require "beside"

local utterances = { "some", "all", "none" }
local meaning = {
  some = function(nice) return nice > 0 end,
  all = function(nice) return nice == 3 end,
  none = function(nice) return nice == 0 end,
}

local literal_listener = borel.model(function(utterance)
  local nice = sample("nice", dist.discrete_uniform(0, 3))
  factor(meaning[utterance](nice) and 0 or -math.huge)
  return nice
end)

local speaker = borel.model(function(nice)
  local utterance = utterances[sample("utterance", dist.discrete_uniform(1, 3))]
  factor(borel.marginal(literal_listener, utterance):log_p(nice))
  return utterance
end)

local listener = borel.model(function(data)
  local nice = sample("nice", dist.discrete_uniform(0, 3))
  factor(borel.marginal(speaker, nice):log_p(data.heard))
  return nice
end)

return beside { model = listener, data = { heard = "some" }, of = function(nice) return nice == 3 and 1 or 0 end, truth = 1 / 9,
  log_evidence = math.log(9 / 16), methods = { borel.trace_mh { steps = 20 }, borel.importance {} } }
