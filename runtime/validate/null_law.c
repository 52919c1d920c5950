/* SPDX-License-Identifier: MIT */
#include "validate/null_law.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

size_t borel_smirnov(double *a, double *b, size_t n) {
  size_t i = 0, j = 0, most = 0;
  qsort(a, n, sizeof *a, ascending);
  qsort(b, n, sizeof *b, ascending);
  while (i < n && j < n) {
    double x = a[i] < b[j] ? a[i] : b[j];
    while (i < n && a[i] == x) i++;
    while (j < n && b[j] == x) j++;
    size_t apart = i > j ? i - j : j - i;
    if (apart > most) most = apart;
  }
  return most;
}

/* By reflection: 2 sum over j >= 1 of (-1)^(j - 1) C(2n, n - jk) / C(2n, n). */
double borel_smirnov_p(size_t n, size_t k) {
  if (k == 0) return 1;
  double p = 0, log_term = 0;
  size_t done = 0;
  for (size_t j = 1; j * k <= n; j++) {
    /* C(2n, n - i) = C(2n, n - i + 1) (n - i + 1) / (n + i) */
    for (size_t i = done + 1; i <= j * k; i++) log_term += log((double)(n - i + 1) / (double)(n + i));
    done = j * k;
    double term = 2 * exp(log_term);
    p += j % 2 ? term : -term;
    if (term < 1e-17 * p) break;
  }
  return fmin(p, 1);
}

/* Sum of the probabilities of k, k + step, ... until the rest is less than rounding. */
static double binomial_tail(size_t n, size_t k, double p, int step) {
  double log_mass = (double)(n - k) * log1p(-p) + (double)k * log(p);
  for (size_t i = 1; i <= k; i++) log_mass += log((double)(n - k + i) / (double)i);
  double mass = exp(log_mass), sum = mass;
  while (step > 0 ? k < n : k > 0) {
    mass *= step > 0 ? (double)(n - k) / (double)(k + 1) * p / (1 - p)
                     : (double)k / (double)(n - k + 1) * (1 - p) / p;
    k = step > 0 ? k + 1 : k - 1;
    sum += mass;
    if (mass < 1e-17 * sum) break;
  }
  return sum;
}

double borel_binomial_p(size_t n, size_t k, double p) {
  return fmin(1, 2 * binomial_tail(n, k, p, (double)k > (double)n * p ? 1 : -1));
}

/* The regularized upper incomplete gamma function at a = freedom / 2, by its recurrence in a. */
double borel_chi_squared_p(double x, size_t freedom) {
  double h = 0.5 * x, a = freedom % 2 ? 0.5 : 1;
  double p = freedom % 2 ? erfc(sqrt(h)) : exp(-h);
  double term = freedom % 2 ? sqrt(h) * exp(-h) / (0.5 * sqrt(acos(-1))) : h * exp(-h);
  for (; 2 * a < (double)freedom; a += 1) {
    p += term;
    term *= h / (a + 1);
  }
  return fmin(p, 1);
}
