/* SPDX-License-Identifier: MIT
 *
 * Effective sample sizes: each is Geyer's estimate for some function of the draws. */
#include "diagnose/diagnose.h"

#include <math.h>
#include <stdlib.h>

/* y [chains, draws], unsplit. */
static double split_ess(const double *y, size_t chains, size_t draws) {
  const size_t half = draws / 2;
  double *halves = malloc(2 * chains * half * sizeof *halves);
  if (!halves) return NAN;
  borel_diagnose_split(y, chains, draws, halves);
  const double ess = borel_diagnose_geyer_ess(halves, 2 * chains, half);
  free(halves);
  return ess;
}

double borel_diagnose_ess_below(const double *x, size_t chains, size_t draws, double threshold) {
  const size_t n = chains * draws;
  double *below = malloc(n * sizeof *below);
  if (!below) return NAN;
  for (size_t i = 0; i < n; i++) below[i] = x[i] <= threshold;
  const double ess = split_ess(below, chains, draws);
  free(below);
  return ess;
}

double borel_ess_bulk(const double *x, size_t chains, size_t draws) {
  if (!borel_diagnose_usable(x, chains, draws)) return NAN;

  const size_t n = 2 * chains * (draws / 2);
  double ess = NAN, *halves = malloc(n * sizeof *halves);
  struct borel_diagnose_ordered *order = NULL;
  if (halves) {
    borel_diagnose_split(x, chains, draws, halves);
    order = borel_diagnose_order(halves, n);
  }
  if (order) {
    borel_diagnose_normal_scores(order, n, halves);
    ess = borel_diagnose_geyer_ess(halves, 2 * chains, draws / 2);
  }
  free(order);
  free(halves);
  return ess;
}

double borel_ess_tail(const double *x, size_t chains, size_t draws) {
  const double low = borel_ess_quantile(x, chains, draws, 0.05);
  const double high = borel_ess_quantile(x, chains, draws, 0.95);
  return high < low ? high : low;
}

double borel_ess_mean(const double *x, size_t chains, size_t draws) {
  return borel_diagnose_usable(x, chains, draws) ? split_ess(x, chains, draws) : NAN;
}

double borel_ess_sd(const double *x, size_t chains, size_t draws) {
  if (!borel_diagnose_usable(x, chains, draws)) return NAN;

  const size_t n = chains * draws;
  double *squares = malloc(n * sizeof *squares);
  if (!squares) return NAN;
  const double mean = borel_diagnose_mean(x, n);
  for (size_t i = 0; i < n; i++) squares[i] = (x[i] - mean) * (x[i] - mean);
  const double ess = split_ess(squares, chains, draws);
  free(squares);
  return ess;
}

double borel_ess_quantile(const double *x, size_t chains, size_t draws, double prob) {
  if (!borel_diagnose_usable(x, chains, draws) || !(prob >= 0 && prob <= 1)) return NAN;

  struct borel_diagnose_ordered *order = borel_diagnose_order(x, chains * draws);
  if (!order) return NAN;
  const double quantile = borel_diagnose_quantile(order, chains * draws, prob);
  free(order);
  return borel_diagnose_ess_below(x, chains, draws, quantile);
}
