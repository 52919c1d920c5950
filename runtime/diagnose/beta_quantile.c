/* SPDX-License-Identifier: MIT
 *
 * Inverse Beta distribution function, needed for the standard error of a quantile only. */
#include "diagnose/diagnose.h"

#include <float.h>
#include <math.h>

/* lgamma without the global signgam, so that chains may be summarised on many threads. */
static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/* The continued fraction of I_x(a, b), DLMF 8.17.22, by Lentz's method; converges fast for x below the
 * mean. About sqrt(max(a, b)) terms. */
static double continued_fraction(double x, double a, double b) {
  const double tiny = 1e-300;
  double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), value = d;
  for (int m = 1; m < 1000000; m++) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + even * d;
    c = 1 + even / c;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    value *= c * d;
    d = 1 + odd * d;
    c = 1 + odd / (fabs(c) < tiny ? tiny : c);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    value *= c * d;
    if (fabs(c * d - 1) < 2 * DBL_EPSILON) break;
  }
  return value;
}

double borel_diagnose_beta_quantile(double p, double a, double b) {
  if (!(p >= 0 && p <= 1 && a >= 1 && b >= 1)) return NAN;
  if (p == 0 || p == 1) return p;

  const double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
  double low = 0, high = 1, x = a / (a + b);
  for (int i = 0; i < 200; i++) {
    /* x^a (1-x)^b / B(a, b) is x (1-x) times the density. */
    const double front = exp(a * log(x) + b * log1p(-x) - log_beta);
    const double excess = x < (a + 1) / (a + b + 2) ? front * continued_fraction(x, a, b) / a - p
                                                    : 1 - p - front * continued_fraction(1 - x, b, a) / b;
    if (excess > 0)
      high = x;
    else
      low = x;

    /* Newton's step, or half the bracket where it leaves that. */
    double next = x - excess * x * (1 - x) / front;
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    const bool done = fabs(next - x) <= 2 * DBL_EPSILON * x;
    x = next;
    if (done) break;
  }
  return x;
}
