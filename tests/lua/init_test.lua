-- SPDX-License-Identifier: MIT
-- Starts by pathfinder: the same bits for any number of threads; an option that is spelled wrong is an error.
local m = borel.model(function()
  local mu = borel.sample("mu", borel.dist.normal(100, 1))
  local sigma = borel.sample("sigma", borel.dist.half_normal(0.1))
  borel.observe("y", borel.dist.normal(mu, sigma):iid(3), borel.array { 99.9, 100.1, 100.05 })
end)

local function run(threads)
  local folder = os.tmpname()
  os.remove(folder)
  return borel.infer(m, { init = "pathfinder", threads = threads, warmup = 200, draws = 50, chains = 3, out = folder, progress = false })
end

local one, two = run(1), run(2)
local a, b = one:draws "mu", two:draws "mu"
for c = 1, 3 do
  for i = 1, 50 do assert(a[c][i] == b[c][i], "draws depend on threads") end
end
assert(math.abs(borel.sum(a) / 150 - 100) < 1, "chains that start at 0 would not be there")

local fine, message = pcall(borel.infer, m, { init = "pathfindr" })
assert(not fine and tostring(message):find "init", message)

-- A second mode of mass exp(-43) behind a barrier of 18, to which 18 % of the starts of U(-2, 2) lead: a chain
-- goes there when all four of its paths do, with probability 1e-3; of ten uniform starts, some stay there.
local function stray(init)
  local folder = os.tmpname()
  os.remove(folder)
  local fit = borel.infer(borel.model(function()
    local x = borel.sample("x", borel.dist.flat())
    borel.factor(borel.log_sum_exp(borel.dist.normal(-1.5, 0.25):logdensity(x), borel.dist.normal(2.2, 0.15):logdensity(x) - 43))
  end), { init = init, chains = 10, draws = 200, warmup = 200, out = folder, progress = false })
  return borel.sum(borel.where(fit:draws "x":gt(1), 1.0, 0.0))
end
assert(stray "pathfinder" == 0, "a chain is in the mode of no mass")
assert(stray "uniform" > 0, "the mode of no mass does not hold chains: it shows nothing")
assert(stray { x = 2.2 } == 2000, "chains do not start where they are told to")

local ok, said = pcall(borel.infer, m, { init = { nu = 1 } })
assert(not ok and said:find "the model has no unknown 'nu'; did you mean 'mu'", said)
ok, said = pcall(borel.infer, m, { init = { sigma = 0 } })
assert(not ok and said:find "init of 'sigma': the value must lie inside the support of half_normal", said)
