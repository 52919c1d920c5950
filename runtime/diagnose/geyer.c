/* SPDX-License-Identifier: MIT
 *
 * Effective sample size of several chains: N over the integrated autocorrelation time, which Geyer's
 * initial positive and monotone sequences cut where noise takes over. Vehtari et al. (2021); Geyer (1992).
 *
 * Autocovariances are summed directly, two lags at a time, as the cut asks for them: chains that mix
 * need few. */
#include "diagnose/diagnose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds to sums[0] and sums[1] the products of y [draws] with itself at `lag` and `lag + 1`. Partial sums,
 * because the compiler may not reorder a sum to use vector registers. */
static void add_lagged_products(const double *y, size_t draws, size_t lag, double sums[2]) {
  enum { LANES = 8 };
  const double *later = y + lag;
  const size_t terms = draws - lag - 1;
  double even[LANES] = {0}, odd[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= terms; i += LANES)
    for (size_t k = 0; k < LANES; k++) {
      even[k] += y[i + k] * later[i + k];
      odd[k] += y[i + k] * later[i + k + 1];
    }
  for (; i < terms; i++) {
    sums[0] += y[i] * later[i];
    sums[1] += y[i] * later[i + 1];
  }
  sums[0] += y[terms] * later[terms];
  for (size_t k = 0; k < LANES; k++) {
    sums[0] += even[k];
    sums[1] += odd[k];
  }
}

/* Chains with their means taken off, and what turns autocovariance into autocorrelation. */
struct centred {
  double *y; /* [chains, draws] */
  size_t chains, draws;
  double within;  /* W, mean variance within chains */
  double overall; /* var+, variance over all chains */
};

/* Autocorrelations at `lag` and `lag + 1` combined over chains. lag + 1 < draws. */
static void autocorrelation_pair(const struct centred *s, size_t lag, double rho[2]) {
  double sums[2] = {0, 0};
  for (size_t c = 0; c < s->chains; c++) add_lagged_products(s->y + c * s->draws, s->draws, lag, sums);
  for (size_t k = 0; k < 2; k++)
    rho[k] = 1 - (s->within - sums[k] / ((double)s->chains * (double)s->draws)) / s->overall;
}

/* Integrated autocorrelation time from zeroed scratch rho [draws]; NaN if the variance is. */
static double autocorrelation_time(const struct centred *s, double *rho) {
  double pair[2];
  autocorrelation_pair(s, 0, pair);
  pair[0] = rho[0] = 1;
  rho[1] = pair[1];
  if (isnan(pair[1])) return NAN;

  /* Initial positive sequence: `end` is the even lag of the last pair looked at. */
  size_t end = 0;
  while (end + 4 < s->draws && pair[0] + pair[1] > 0) {
    end += 2;
    autocorrelation_pair(s, end, pair);
    if (pair[0] + pair[1] >= 0) memcpy(rho + end, pair, sizeof pair);
  }
  /* The last even lag counts once if positive: less variance for antithetic chains. */
  if (pair[0] > 0) rho[end] = pair[0];

  /* Initial monotone sequence. */
  for (size_t t = 2; t + 2 <= end; t += 2) {
    const double before = rho[t - 2] + rho[t - 1];
    if (rho[t] + rho[t + 1] > before) rho[t] = rho[t + 1] = before / 2;
  }

  double sum = 0;
  for (size_t t = 0; t < end; t++) sum += rho[t];
  return -1 + 2 * sum + rho[end];
}

static bool is_constant(const double *x, size_t n) {
  double low = x[0], high = x[0];
  for (size_t i = 1; i < n; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  return high - low < 1e-15; /* ArviZ's threshold, absolute */
}

double borel_diagnose_geyer_ess(const double *x, size_t chains, size_t draws) {
  const size_t n = chains * draws;
  if (is_constant(x, n)) return (double)n;

  double ess = NAN;
  struct centred s = {.y = malloc(n * sizeof *x), .chains = chains, .draws = draws};
  double *means = malloc(chains * sizeof *means), *rho = calloc(draws, sizeof *rho);
  if (!s.y || !means || !rho) goto done;

  for (size_t c = 0; c < chains; c++) {
    means[c] = borel_diagnose_mean(x + c * draws, draws);
    double squares = 0;
    for (size_t i = c * draws; i < (c + 1) * draws; i++) {
      s.y[i] = x[i] - means[c];
      squares += s.y[i] * s.y[i];
    }
    s.within += squares / (double)(draws - 1) / (double)chains;
  }
  s.overall = s.within * (double)(draws - 1) / (double)draws;
  if (chains > 1) s.overall += borel_diagnose_variance(means, chains);

  const double time = autocorrelation_time(&s, rho), shortest = 1 / log10((double)n);
  ess = (double)n / (time < shortest ? shortest : time);
done:
  free(rho);
  free(means);
  free(s.y);
  return ess;
}
