-- SPDX-License-Identifier: MIT
-- A loop that ends at a random time: a gambler with 2 of 5 coins wins each round with p = 0.6 and stays healthy with s = 0.9
-- a round. Weighted by s^(rounds), winning all has the mass (a^2 - b^2) / (a^5 - b^5), a and b the roots of
-- p s x^2 - x + q s = 0, and ruin a^2 b^2 (a^3 - b^3) / (a^5 - b^5) (Feller, volume 1, 3rd edition, XIV.4 (4.11), (4.12)).
local beside = require "beside"

local P, S, START, GOAL = 0.6, 0.9, 2, 5

local model = borel.model(function()
  local state = borel.checkpoint { coins = START, round = 0 }
  while state.coins > 0 and state.coins < GOAL do
    local won = sample({ "won", state.round }, dist.bernoulli(P))
    factor(math.log(S))
    state = borel.checkpoint { coins = state.coins + 2 * won - 1, round = state.round + 1 }
  end
  return state.coins == GOAL and 1 or 0
end)

local root = math.sqrt(1 - 4 * P * (1 - P) * S ^ 2)
local a, b = (1 + root) / (2 * P * S), (1 - root) / (2 * P * S)
-- a solution A a^z + B b^z of u(z) = p s u(z + 1) + q s u(z - 1) that is 0 at 0 and 1 at GOAL, or 1 at 0 and 0 at GOAL
local all = (a ^ START - b ^ START) / (a ^ GOAL - b ^ GOAL)
local ruin = (a ^ GOAL * b ^ START - a ^ START * b ^ GOAL) / (a ^ GOAL - b ^ GOAL)

return beside { model = model, of = function(won) return won end, truth = all / (all + ruin), log_evidence = math.log(all + ruin),
  methods = { borel.trace_mh { steps = 5 }, borel.smc { particles = 300 } } }
