-- SPDX-License-Identifier: MIT
--- beside{ model =, methods =, of =, truth =, data =, chains = 10, draws = 1000, log_evidence = }: runs the model by each
-- method, prints the posterior mean of of(what the model returned) and its Monte Carlo error beside the truth, and the
-- log evidence where it is known and the method estimates it. Returns the rows: { what =, estimate =, error =, truth = }.
return function(given)
  local rows = {}
  local function row(what, estimate, error, truth)
    rows[#rows + 1] = { what = what, estimate = estimate, error = error, truth = truth }
    print(("%-24s %9.5f +- %.5f, exactly %.5f"):format(what, estimate, error, truth))
  end
  for _, method in ipairs(given.methods) do
    local fit = borel.infer(given.model, { kernel = method, data = given.data, chains = given.chains or 10, draws = given.draws,
      warmup = 100, progress = false })
    local mean, error = fit:mean(given.of)
    row(method.name, mean, error, given.truth)
    if fit.log_evidence and given.log_evidence then
      row(method.name .. ", log evidence", fit.log_evidence, fit.log_evidence_mcse, given.log_evidence)
    end
  end
  return rows
end
