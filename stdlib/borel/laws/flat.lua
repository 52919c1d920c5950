-- SPDX-License-Identifier: MIT
--- flat():simplex(K) and its kin: a density of 1 on a support of vectors or matrices. With respect to: all but one of
-- the elements (simplex), the elements of the lower triangle that are free (matrices), the surface (sphere and
-- sum-to-zero plane; uniform on the sphere), the elements (positive_ordered).
local core = require "borel.core"
local known = require "borel.laws.known"
local law = require "borel.law"
local support = require "borel.support"

local Dist = law.Dist

-- The method flat():NAME(K) for values of `axes` axes of K elements.
local function on(name, axes)
  Dist[name] = function(self, K)
    if self.law.name ~= "flat" then core.error(("%s:%s: only flat() takes a support"):format(self.law.name, name)) end
    K = known.whole("flat:" .. name, "the number of elements", K, 1, axes == 2 and known.MOST_ROWS or nil)
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
