-- SPDX-License-Identifier: MIT
-- E1: every composition enumerated, its measure against those worked out by hand.
local rep = require "borel.rep"
local checks = require "borel.rep.suite.checks"
local finite = require "borel.rep.suite.programs"
local schemes, check = { "multinomial", "systematic", "stratified", "residual" }, checks.measure

local step = rep.mh_step()
for name, p in pairs(finite.programs) do
  local function try(what, block) check(what .. " on " .. name, p, rep.enumerate(block, p.model)) end
  try("finish", rep.finish())
  try("importance", rep.importance(2))
  for _, scheme in ipairs(schemes) do
    for _, ess in ipairs { 0, 0.5, 0.9, 1 } do
      local resample = rep.resample(scheme, { ess = ess })
      for k = 0, p.factors do
        try(scheme .. " smc " .. k, rep.smc(2, k, resample))
        try(scheme .. " smc_push " .. k, rep.pipeline { rep.smc_push(2, k, resample), rep.collapse() })
      end
      for m = 1, 2 do
        for _, variant in ipairs { "basic", "dynamic" } do
          try(scheme .. " resample_move " .. variant, rep.resample_move(2, 1, resample, rep.times(m, step), variant))
        end
      end
    end
    if p.factors < 4 then try(scheme .. " smc, three particles", rep.smc(3, 1, rep.resample(scheme))) end
  end
  for k = 1, 2 do try("trace_mh " .. k, rep.trace_mh(k)) end
end

-- ---- programs inside programs ------------------------------------------------------------------------------------------

local P8, resample = finite.P8, rep.resample "multinomial"
local function outer(inner) return rep.nested(P8.parameters, P8.model, rep.pipeline { inner, rep.collapse() }) end
local marginal = rep.nested(P8.parameters, P8.model, rep.merged(rep.pipeline { rep.smc(2, 1, resample), rep.collapse() }))
check("inside", P8, rep.enumerate(rep.finish(), outer(rep.smc(2, 1, resample))))
check("pmmh", P8, rep.enumerate(rep.pmmh(1), marginal))
check("pmmh, proposed", P8, rep.enumerate(rep.pmmh(1, rep.mh_step { proposals = { theta = P8.propose } }), marginal))
check("smc2", P8, rep.enumerate(rep.smc2(2, 1, resample, step), outer(rep.smc_push(2, 1, resample))))
