-- SPDX-License-Identifier: MIT
-- borel run run.lua -- N together|apart|out DRAWS: a mixture of two normals with N labels, for bench/labels.sh. `together`: labels of
-- one site; `apart`: of sites of their own; `out`: summed out.
local n, how, draws = tonumber(arg[1]), arg[2], tonumber(arg[3])
local y = {}
for i = 1, n do y[i] = (i % 3 == 0 and 1.5 or -1) + 0.6 * math.sin(7.1 * i) end

local model = borel.model(function(data)
  local share = sample("share", dist.beta(2, 2))
  local mu = sample("mu", dist.normal(borel.array { -1, 1 }, 1))
  local sigma = sample("sigma", dist.half_normal(1))
  if how == "together" then
    local z = sample("z", dist.bernoulli(share):iid(n))
    observe("y", dist.normal(borel.where(borel.eq(z, 1), mu[2], mu[1]), sigma), data.y)
  elseif how == "apart" then
    for i = 1, n do
      local z = sample({ "z", i }, dist.bernoulli(share))
      observe({ "y", i }, dist.normal(borel.where(borel.eq(z, 1), mu[2], mu[1]), sigma), data.y[i])
    end
  else
    observe("y", dist.mixture(borel.stack { 1 - share, share }, { dist.normal(mu[1], sigma), dist.normal(mu[2], sigma) }):iid(n), data.y)
  end
end)
local kernel = how ~= "out" and borel.cycle { borel.on("z", borel.gibbs {}), borel.on("u", borel.nuts {}) } or nil
local fit = borel.infer(model, { data = { y = borel.array(y) }, kernel = kernel, chains = 1, warmup = draws // 2, draws = draws // 2,
  progress = false })
local least = math.huge
for _, row in ipairs(fit:rows()) do
  if row.name:match "^mu" or row.name == "sigma" or row.name == "share" then least = math.min(least, row.ess_bulk) end
end
print(("%.0f"):format(least))
