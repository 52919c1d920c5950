-- SPDX-License-Identifier: MIT
-- A probabilistic grammar, whose sentences have any length: WebPPL's example pcfgIncremental (npm webppl 0.9.15). Given
-- that a sentence begins with "tall John", the next word is the verb: loves, hates or runs with 0.3, 0.3, 0.4. The
-- probability of that beginning is 0.4 * 0.6 * 0.6 * 0.6: one adjective, tall, then a noun, John.
local beside = require "beside"

local rules = {
  S = { p = { 0.4, 0.6 }, { "NP", "V", "NP" }, { "NP", "V" } },
  NP = { p = { 0.4, 0.6 }, { "A", "NP" }, { "N" } },
  N = { p = { 0.6, 0.4 }, "John", "soup" },
  V = { p = { 0.3, 0.3, 0.4 }, "loves", "hates", "runs" },
  A = { p = { 0.6, 0.4 }, "tall", "salty" },
}

-- Appends what `symbol` becomes to the sentence; the choices are named by the path to them in the tree.
local function expand(symbol, path, sentence, seen)
  local rule = rules[symbol]
  local made = rule[sample({ "rule", path }, dist.categorical(rule.p))]
  if type(made) == "table" then
    for k, part in ipairs(made) do expand(part, path .. k, sentence, seen) end
  else
    sentence[#sentence + 1] = made
    local wanted = seen[#sentence]
    if wanted then factor(wanted == made and 0 or -math.huge) end -- as soon as the word is there
  end
end

local model = borel.model(function(seen)
  local sentence = {}
  expand("S", "", sentence, seen)
  return sentence[#seen + 1] or ""
end)

return beside { model = model, data = { "tall", "John" }, of = function(word) return word == "runs" and 1 or 0 end, truth = 0.4,
  log_evidence = math.log(0.4 * 0.6 ^ 3), methods = { borel.trace_mh { steps = 10 }, borel.smc { particles = 500 } } }
