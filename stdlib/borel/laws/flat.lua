-- SPDX-License-Identifier: MIT
--- flat():simplex(K) and its kin: a density of 1 on a support of vectors or matrices. With respect to: all but one of
-- the elements (simplex), the elements of the lower triangle that are free (matrices), the surface (sphere and
-- sum-to-zero plane; uniform on the sphere), the elements (positive_ordered).
local core = require "borel.core"
local law = require "borel.law"
local support = require "borel.support"

local Dist = law.Dist

local function whole(what, K)
  if type(K) ~= "number" or not math.tointeger(K) or K < 1 then
    core.error(("flat:%s: the number of elements is %s, must be a whole number of at least 1"):format(what, tostring(K)))
  end
  return math.tointeger(K)
end

-- The method flat():NAME(K) for values of `axes` axes of K elements.
local function on(name, axes)
  Dist[name] = function(self, K)
    if self.law.name ~= "flat" then core.error(("%s:%s: only flat() takes a support"):format(self.law.name, name)) end
    K = whole(name, K)
    local s = support[name]
    if s.free then s.free { K, axes == 2 and K or nil } end -- raises where there is nothing to infer
    return law.modified(axes == 2 and self:iid(K, K) or self:iid(K), s, axes)
  end
end

on("simplex", 1)
on("sum_to_zero", 1)
on("unit_vector", 1)
on("positive_ordered", 1)
on("correlation", 2)
on("correlation_cholesky", 2)
on("covariance", 2)
on("covariance_cholesky", 2)
