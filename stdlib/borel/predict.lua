-- SPDX-License-Identifier: MIT
--- fit:predict: the model run forward at the draws of a posterior.
local core = require "borel.core"
local fit = require "borel.fit"
local shapes = require "borel.shape"
local simulate = require "borel.simulate"

local known = {
  data = {},
  sites = {}, -- names to keep; all without it
  draws = { type = "number", integer = true, min = 1 }, -- of each chain, evenly spread; all without it
  seed = { type = "number", integer = true, min = 0, default = 1 },
}

-- Which draws of a chain of `have` are used: `want` of them, evenly spread.
local function picked(have, want)
  local list = {}
  for i = 1, want do list[i] = math.ceil(i * have / want) end
  return list
end

-- The values of a site at draw k, 1-based over all chains, made as they are asked for.
local function reader(self, name)
  local value, draws = self.columns[name], self:draws(name)
  local shape, runs = value.shape, self.chain_count * self.draw_count
  if #shape == 0 then
    local list = draws:reshape({ runs }):totable()
    return shape, function(k) return list[k] end
  end
  local rows = draws:reshape({ runs, #value.elements })
  return shape, function(k) return rows[k]:reshape(shape) end
end

-- given(address, dist) for a simulation: the value that the draw number at[1] has for a site, nil for other sites.
local function held(self, at)
  local readers, sites, summed = {}, fit.set_of(self.manifest.sites), fit.set_of(self.manifest.summed)
  return function(address, dist)
    if not sites[address] and not summed[address] then return nil end
    local found = readers[address]
    if not found then
      found = {}
      found.shape, found.get = reader(self, address)
      found.discrete = dist:support().discrete
      local want = dist:shape()
      found.other = not shapes.equal(found.shape, want)
      if found.other and not summed[address] then
        core.error(("fit:predict: site '%s' has shape %s with these data, the fit has draws of shape %s: a site whose size depends on the "
          .. "data needs a new name to be drawn anew"):format(address, shapes.text(want), shapes.text(found.shape)))
      end
      readers[address] = found
    end
    if found.other then return nil end
    local value = found.get(at[1])
    if not found.discrete then return value end
    return type(value) == "number" and math.tointeger(value) or value:to "i64"
  end
end

--- fit:predict([model,] {data =, sites =, draws =, seed = 1}): the posterior predictive. For each draw the model runs
-- forward: sites of the fit have their drawn values, those that it summed out, too; observed sites are drawn anew, and
-- so are sites that the fit does not have (a new group, say, or a summed one of another shape); deterministic values
-- and what the function returns are computed. model: another one that shares sites with the fit, for further quantities;
-- default that of the run. data: new data, of which the values of observed sites may be missing; default those of the
-- run. Returns an object with :draws(name) -> [chains, draws, ...], :returned() and .names; draws = n takes n of each
-- chain.
function fit.methods:predict(m, given)
  local opts
  m, opts = fit.subject(self, "fit:predict", m, given, known)
  local per_chain = math.min(opts.draws or self.draw_count, self.draw_count)
  local pick, at = picked(self.draw_count, per_chain), { 0 }
  local wanted = simulate.wanted("fit:predict", opts.sites)
  local given_at, used = held(self, at), false
  local function take(address, dist)
    local value = given_at(address, dist)
    used = used or value ~= nil
    return value
  end
  local result = simulate.runs(m, opts.data, {
    what = "fit:predict", seed = opts.seed, role = "predict", lead = { self.chain_count, per_chain }, wanted = wanted,
    given = function(lane)
      at[1] = lane // per_chain * self.draw_count + pick[lane % per_chain + 1]
      return take, at[1] - 1
    end,
  })
  if not used then
    core.error(("fit:predict: the model has none of the sites of the fit (%s)"):format(table.concat(self.manifest.sites, ", ")))
  end
  simulate.found("fit:predict", result, wanted)
  return result
end
