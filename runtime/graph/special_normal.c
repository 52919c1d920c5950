/* SPDX-License-Identifier: MIT
 * The standard normal law: logarithm of the cdf, its derivative, the quantile. */
#include <math.h>

#include "graph/special_functions.h"

static const double SQRT_HALF = 0.70710678118654752440, LOG_SQRT_2PI = 0.91893853320467274178,
                    ONE_OVER_SQRT_2PI = 0.39894228040143267794;

/* Below this erfc gives way to the continued fraction. */
static const double TAIL = -5.0;

/* Mills' ratio (1 - Phi(t)) / phi(t) is 1/(t + excess(t)), and this the rest of its continued fraction
 * 1/(t + 1/(t + 2/(t + ...))) (Abramowitz and Stegun 26.2.14), for t >= 5. 50 terms leave less than 1e-17
 * there. */
static double excess(double t) {
  double c = t;
  for (int k = 50; k > 1; k--) c = t + k / c;
  return 1.0 / c;
}

double borel_std_normal_logcdf(double x) {
  if (x > 0.0) return log1p(-0.5 * erfc(x * SQRT_HALF));
  if (x >= TAIL) return log(0.5 * erfc(-x * SQRT_HALF));
  return -0.5 * x * x - LOG_SQRT_2PI - log(excess(-x) - x);
}

double borel_inverse_mills(double x) {
  if (x < TAIL) return excess(-x) - x;
  return ONE_OVER_SQRT_2PI * exp(-0.5 * x * x) / (0.5 * erfc(-x * SQRT_HALF));
}

double borel_mills_excess(double x) { return x < TAIL ? excess(-x) : x + borel_inverse_mills(x); }

/* Abramowitz and Stegun 26.2.23: the x with 1 - Phi(x) = q, q <= 1/2, within 4.5e-4. */
static double rough_quantile(double q) {
  double t = sqrt(-2.0 * log(q));
  return t -
         (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/* Two steps of Halley, each of which cubes the error: on Phi(x) - p near the middle, where p - 1/2 is exact,
 * on log Phi(x) - log p in the tails. */
double borel_std_normal_quantile(double p) {
  if (!(p >= 0.0 && p <= 1.0)) return NAN;
  if (p <= 0.0 || p >= 1.0) return p <= 0.0 ? -INFINITY : INFINITY;
  double q = p < 0.5 ? p : 1.0 - p, x = -rough_quantile(q);
  if (q > 0.25) {
    x = p < 0.5 ? x : -x;
    for (int i = 0; i < 2; i++) {
      double step = (0.5 * erf(x * SQRT_HALF) - (p - 0.5)) / (ONE_OVER_SQRT_2PI * exp(-0.5 * x * x));
      x -= step / (1.0 + 0.5 * x * step);
    }
    return x;
  }
  for (int i = 0; i < 2; i++) {
    double slope = borel_inverse_mills(x), step = (borel_std_normal_logcdf(x) - log(q)) / slope;
    x -= step / (1.0 + 0.5 * step * (x + slope));
  }
  return p < 0.5 ? x : -x;
}
