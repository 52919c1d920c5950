/* SPDX-License-Identifier: MIT
 *
 * Everything a posterior table shows of one quantity. */
#include "diagnose/diagnose.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int borel_summarise(const double *x, size_t chains, size_t draws, struct borel_summary *out) {
  *out = (struct borel_summary){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  if (chains == 0 || draws < 4) return EINVAL;
  if (!borel_diagnose_usable(x, chains, draws)) return 0;

  const size_t n = chains * draws, half = draws / 2;
  int status = ENOMEM;
  double *scores = malloc(2 * chains * half * sizeof *scores);
  struct borel_diagnose_ordered *order = borel_diagnose_order(x, n), *halves = NULL;
  if (order) halves = borel_diagnose_order_halves(order, chains, draws);
  if (!scores || !halves) goto done;

  out->mean = borel_diagnose_mean(x, n);
  out->sd = sqrt(borel_diagnose_variance(x, n));
  out->mcse_mean = borel_mcse_mean(x, chains, draws);
  out->mcse_sd = borel_mcse_sd(x, chains, draws);
  out->q5 = borel_diagnose_quantile(order, n, 0.05);
  out->median = borel_diagnose_quantile(order, n, 0.5);
  out->q95 = borel_diagnose_quantile(order, n, 0.95);

  const double low = borel_diagnose_ess_below(x, chains, draws, out->q5);
  const double high = borel_diagnose_ess_below(x, chains, draws, out->q95);
  out->ess_tail = high < low ? high : low;
  borel_diagnose_normal_scores(halves, 2 * chains * half, scores);
  out->ess_bulk = borel_diagnose_geyer_ess(scores, 2 * chains, half);
  out->rhat = borel_diagnose_rhat_of_order(halves, scores, 2 * chains, half);
  status = 0;
done:
  free(halves);
  free(order);
  free(scores);
  return status;
}
