/* SPDX-License-Identifier: MIT
 *
 * Mean and variance in two passes. */
#include "diagnose/diagnose.h"

#include <math.h>

/* Sum of x - shift, in four partial sums that do not wait for each other. */
static double shifted_sum(const double *x, size_t n, double shift) {
  double sum[4] = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t k = 0; k < 4; k++) sum[k] += x[i + k] - shift;
  for (; i < n; i++) sum[0] += x[i] - shift;
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

double borel_diagnose_mean(const double *x, size_t n) {
  const double mean = shifted_sum(x, n, 0) / (double)n;
  /* Add what rounding left out. With it a constant chain has variance 0, not 1e-33. */
  return isfinite(mean) ? mean + shifted_sum(x, n, mean) / (double)n : mean;
}

double borel_diagnose_variance(const double *x, size_t n) {
  const double mean = borel_diagnose_mean(x, n);
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
  return sum / (double)(n - 1);
}
