/* SPDX-License-Identifier: MIT
 * Modified Bessel functions I0 and I1, as the von Mises law needs them. */
#include <math.h>

#include "graph/special_functions.h"

/* From here on the asymptotic series, whose smallest term is about exp(-2 x). */
static const double LARGE = 20.0;

/* sum over k >= 1 of (x^2/4)^k / (k! (k + order)!) for order 0 or 1, in units of the first term 1
 * (Abramowitz and Stegun 9.6.10). All terms are positive. */
static double power_series(double x, int order) {
  double q = 0.25 * x * x, term = 1.0, sum = 0.0;
  for (int k = 1; k < 100 && term > 1e-17 * sum; k++) {
    term *= q / (k * (double)(k + order));
    sum += term;
  }
  return sum;
}

/* I_order(x) sqrt(2 pi x) exp(-x) for large x (Abramowitz and Stegun 9.7.1). */
static double asymptotic(double x, int order) {
  double mu = 4.0 * order, term = 1.0, sum = 1.0;
  for (int k = 1; k < 30 && fabs(term) > 1e-17; k++) {
    double odd = 2.0 * k - 1.0;
    term *= -(mu - odd * odd) / (k * 8.0 * x);
    sum += term;
  }
  return sum;
}

double borel_log_i0e(double x) {
  x = fabs(x);
  if (x < LARGE) return log1p(power_series(x, 0)) - x;
  return log(asymptotic(x, 0)) - 0.5 * log(6.283185307179586477 * x);
}

double borel_i1_over_i0(double x) {
  double size = fabs(x), ratio;
  if (size < LARGE)
    ratio = 0.5 * size * (1.0 + power_series(size, 1)) / (1.0 + power_series(size, 0));
  else
    ratio = asymptotic(size, 1) / asymptotic(size, 0);
  return copysign(ratio, x);
}
