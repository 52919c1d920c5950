-- SPDX-License-Identifier: MIT
--- What the program was asked to do, for those who act on it while a script runs. The command line sets it;
-- without one (a script run by hand, a test) the defaults hold.
return {
  mode = "run", -- "check", "explain": borel.infer describes and stops; "resume": it continues the run in `resume`
  examines = false, -- in mode "check": gradients, supports and the prior too
  at = nil, -- in mode "explain": a run directory whose last draw is the point
  script = nil, -- path of the script
  script_hash = nil,
  arguments = {}, -- of the script
  overrides = {}, -- options of borel.infer from the command line
  quiet = false, -- no progress, no closing lines
  accept_numerics = false, -- resume under another engine
  resume = nil, -- { directory =, call =, previous = {paths} }
  calls = 0, -- of borel.infer so far
  fits = {}, -- what they returned
  runs = {}, -- call -> run directory, of those that returned
}
