/* SPDX-License-Identifier: MIT
 *
 * Pareto-smoothed importance sampling (Vehtari et al. 2024), and what it says of predictions. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "diagnose/diagnose.h"

/* log sum exp(x), x [n]. */
static double log_sum_exp(const double *x, size_t n) {
  double largest = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, x[i]);
  if (!isfinite(largest)) return largest;
  for (size_t i = 0; i < n; i++) sum += exp(x[i] - largest);
  return largest + log(sum);
}

/* Mean of log(1 - b x): minus the shape that fits best when scale / shape is -1 / b. */
static double mean_log1p(double b, const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += log1p(-b * x[i]);
  return sum / (double)n;
}

int borel_pareto_fit(const double *x, size_t n, double *k, double *sigma) {
  *k = *sigma = NAN;
  if (n < 5) return EINVAL;
  const size_t points = 30 + (size_t)sqrt((double)n);
  double *b = calloc(2 * points, sizeof *b), *weight = b + points;
  if (!b) return ENOMEM;
  /* A grid of b = -k / sigma from the quantiles of Zhang and Stephens' prior; the profile likelihood weighs
   * it. */
  const double quartile = x[(size_t)((double)n / 4 + 0.5) - 1];
  for (size_t j = 0; j < points; j++) {
    b[j] = (1 - sqrt((double)points / ((double)j + 0.5))) / (3 * quartile) + 1 / x[n - 1];
    const double shape = mean_log1p(b[j], x, n);
    weight[j] = (double)n * (log(-b[j] / shape) - shape - 1);
  }
  const double total = log_sum_exp(weight, points);
  double kept = 0, mean = 0;
  for (size_t j = 0; j < points; j++) {
    const double w = exp(weight[j] - total);
    if (!(w >= 10 * DBL_EPSILON)) continue;
    kept += w;
    mean += b[j] * w;
  }
  free(b);
  mean /= kept;
  const double shape = mean_log1p(mean, x, n);
  *sigma = -shape / mean;
  *k = ((double)n * shape + 5) / ((double)n + 10); /* ten observations' worth of prior at 1/2 */
  return 0;
}

static size_t tail_length(size_t n, double r_eff) {
  const double all = (double)n;
  return (size_t)(all * r_eff > 225 ? 3 * sqrt(all / r_eff) : all / 5);
}

/* Replaces the largest `tail` of the log ratios, whose maximum is 0, by expected order statistics of the
 * Pareto distribution that fits them. */
static int smooth(double *log_ratio, const struct borel_diagnose_ordered *order, size_t n, size_t tail,
                  double *k) {
  const struct borel_diagnose_ordered *top = order + (n - tail);
  if (!(top[tail - 1].value - top[0].value >=
        DBL_MIN)) { /* equal weights are bounded and need no smoothing */
    *k = 0;
    return 0;
  }
  double *excess = malloc(tail * sizeof *excess), sigma;
  if (!excess) return ENOMEM;
  const double cutoff = exp(top[-1].value);
  for (size_t i = 0; i < tail; i++) excess[i] = exp(top[i].value) - cutoff;
  int failed = borel_pareto_fit(excess, tail, k, &sigma);
  free(excess);
  if (failed == ENOMEM) return failed;
  if (!isfinite(*k) || !(sigma > 0)) {
    *k = INFINITY;
    return 0;
  }
  for (size_t i = 0; i < tail; i++) {
    const double p = ((double)i + 0.5) / (double)tail;
    const double quantile = *k == 0 ? -sigma * log1p(-p) : sigma * expm1(-*k * log1p(-p)) / *k;
    log_ratio[top[i].index] = fmin(log(quantile + cutoff), top[tail - 1].value);
  }
  return 0;
}

int borel_psis(double *log_ratio, size_t n, double r_eff, double *k) {
  *k = INFINITY;
  double largest = -INFINITY;
  bool numbers = r_eff > 0;
  for (size_t i = 0; i < n; i++) {
    numbers = numbers && !isnan(log_ratio[i]);
    largest = fmax(largest, log_ratio[i]);
  }
  if (!numbers || !isfinite(largest)) {
    for (size_t i = 0; i < n; i++) log_ratio[i] = NAN;
    return EINVAL;
  }
  for (size_t i = 0; i < n; i++) log_ratio[i] -= largest;
  const size_t tail = tail_length(n, r_eff);
  if (tail >= 5) {
    struct borel_diagnose_ordered *order = borel_diagnose_order(log_ratio, n);
    if (!order) return ENOMEM;
    int failed = smooth(log_ratio, order, n, tail, k);
    free(order);
    if (failed) return failed;
  }
  const double total = log_sum_exp(log_ratio, n);
  for (size_t i = 0; i < n; i++) log_ratio[i] -= total;
  return 0;
}

/* log mean exp(x). */
static double log_mean_exp(const double *x, size_t n) { return log_sum_exp(x, n) - log((double)n); }

double borel_relative_ess(const double *loglik, size_t chains, size_t draws) {
  const size_t n = chains * draws;
  double largest = -INFINITY;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, loglik[i]);
  double *likelihood = malloc((n + 1) * sizeof *likelihood);
  if (!likelihood) return 1;
  for (size_t i = 0; i < n; i++) likelihood[i] = exp(loglik[i] - largest);
  const double ess = borel_ess_mean(likelihood, chains, draws);
  free(likelihood);
  return ess > 0 ? ess / (double)n : 1;
}

int borel_loo(const double *loglik, size_t chains, size_t draws, double r_eff, struct borel_elpd *out) {
  const size_t n = chains * draws;
  *out = (struct borel_elpd){NAN, NAN, INFINITY};
  if (n == 0) return EINVAL;
  double *log_weight = malloc(n * sizeof *log_weight);
  if (!log_weight) return ENOMEM;
  for (size_t i = 0; i < n; i++) log_weight[i] = -loglik[i];
  int failed = borel_psis(log_weight, n, r_eff, &out->k);
  if (!failed) {
    for (size_t i = 0; i < n; i++) log_weight[i] += loglik[i];
    out->elpd = log_sum_exp(log_weight, n);
    out->p = log_mean_exp(loglik, n) - out->elpd;
  }
  free(log_weight);
  return failed;
}

int borel_waic(const double *loglik, size_t chains, size_t draws, struct borel_elpd *out) {
  const size_t n = chains * draws;
  *out = (struct borel_elpd){NAN, NAN, NAN};
  if (n < 2) return EINVAL;
  out->p = borel_diagnose_variance(loglik, n);
  out->elpd = log_mean_exp(loglik, n) - out->p;
  return 0;
}

double borel_pareto_limit(size_t draws) { return draws < 2 ? 0 : fmin(1 - 1 / log10((double)draws), 0.7); }
