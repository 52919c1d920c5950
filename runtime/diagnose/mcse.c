/* SPDX-License-Identifier: MIT
 *
 * Monte Carlo standard errors. Vehtari et al. (2021). */
#include "diagnose/diagnose.h"

#include <math.h>
#include <stdlib.h>

double borel_mcse_mean(const double *x, size_t chains, size_t draws) {
  const double ess = borel_ess_mean(x, chains, draws);
  return isnan(ess) ? NAN : sqrt(borel_diagnose_variance(x, chains * draws) / ess);
}

double borel_mcse_sd(const double *x, size_t chains, size_t draws) {
  const double ess = borel_ess_sd(x, chains, draws);
  if (isnan(ess)) return NAN;

  const size_t n = chains * draws;
  const double mean = borel_diagnose_mean(x, n);
  double second = 0, fourth = 0; /* central moments */
  for (size_t i = 0; i < n; i++) {
    const double square = (x[i] - mean) * (x[i] - mean);
    second += square / (double)n;
    fourth += square * square / (double)n;
  }
  /* Var(s^2), then sd = sqrt(s^2) to first order. Rounding may bring the former below 0. */
  const double spread = fourth - second * second;
  return sqrt((spread < 0 ? 0 : spread) / ess / second / 4);
}

double borel_mcse_quantile(const double *x, size_t chains, size_t draws, double prob) {
  if (!borel_diagnose_usable(x, chains, draws) || !(prob >= 0 && prob <= 1)) return NAN;

  const size_t n = chains * draws;
  struct borel_diagnose_ordered *order = borel_diagnose_order(x, n);
  if (!order) return NAN;

  const double ess = borel_diagnose_ess_below(x, chains, draws, borel_diagnose_quantile(order, n, prob));
  double error = NAN;
  if (!isnan(ess)) {
    /* Phi(-1) and Phi(1), to the digits ArviZ has. */
    const double a = ess * prob + 1, b = ess * (1 - prob) + 1;
    const double low = borel_diagnose_beta_quantile(0.1586553, a, b) * (double)n - 1;
    const double high = borel_diagnose_beta_quantile(0.8413447, a, b) * (double)n - 1;
    const size_t first = low > 0 ? (size_t)floor(low) : 0;
    const size_t last = high > 0 ? (size_t)ceil(high) : 0;
    error = (order[last < n ? last : n - 1].value - order[first].value) / 2;
  }
  free(order);
  return error;
}
