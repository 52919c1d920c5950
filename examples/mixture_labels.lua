-- SPDX-License-Identifier: MIT
-- A mixture of two normals with its labels as discrete unknowns. borel.infer draws the labels from their conditional laws, all
-- at once, then moves the continuous unknowns by NUTS: the same as
--   kernel = borel.cycle{ borel.on("z", borel.gibbs{}), borel.on("u", borel.nuts{}) }
-- Summing the labels out, as dist.mixture does, mixes faster where it is possible; labels are wanted for themselves, or where
-- they enter the model in more than one place.
--   ./dev run examples/mixture_labels.lua

-- Minutes between eruptions of a geyser that has two kinds of them.
local waiting = {
  79, 54, 74, 62, 85, 55, 88, 85, 51, 85, 54, 84, 78, 47, 83, 52, 62, 84, 52, 79, 51, 47, 78, 69, 74, 83, 55, 76, 78, 79, 73, 77,
  66, 80, 74, 52, 48, 80, 59, 90, 80, 58, 84, 58, 73, 83, 64, 53, 82, 59,
}

local eruptions = borel.model(function(data)
  local share = sample("share", dist.beta(2, 2)) -- of the long waits
  local short = sample("short", dist.normal(55, 10))
  local gap = sample("gap", dist.half_normal(30)) -- which tells the two kinds apart
  local sigma = sample("sigma", dist.half_normal(10))
  local long = sample("long", dist.bernoulli(share):iid(data.waiting.size))
  observe("waiting", dist.normal(short + gap * long, sigma), data.waiting)
end)

local fit = borel.infer(eruptions, { data = { waiting = borel.array(waiting) }, draws = 2000 })
print(fit:summary { "share", "short", "gap", "sigma" })
for i, row in ipairs(fit:rows()) do
  if row.value == "long" and row.mean > 0.05 and row.mean < 0.95 then
    print(("a wait of %d minutes is a long one with probability %.2f"):format(waiting[i - 4], row.mean))
  end
end
return fit
