/* SPDX-License-Identifier: MIT */
#include "random/laws.h"

#include "random/check.h"
#include "random/elementary.h"

#include <math.h>

static double uniform(borel_rng *rng) { return rng->ops->uniform(rng); }

int borel_law_accept(borel_rng *rng, double log_ratio) {
  if (!borel_check_log_ratio(rng, log_ratio)) return 0;
  return borel_log(uniform(rng)) < log_ratio && rng->status == BOREL_OK;
}

int borel_law_direction(borel_rng *rng) { return uniform(rng) < 0.5 ? -1 : 1; }

int borel_law_bernoulli(borel_rng *rng, double p) {
  if (!borel_check_probability(rng, p)) return 0;
  return uniform(rng) < p && rng->status == BOREL_OK;
}

/* Inverse distribution function. Rounding can leave the sum below u: the last possible index is the guard. */
size_t borel_law_categorical(borel_rng *rng, const double *p, size_t n) {
  if (!borel_check_categorical(rng, p, n)) return 0;
  double u = uniform(rng), sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < n && rng->status == BOREL_OK; i++) {
    if (p[i] == 0) continue;
    last = i;
    if (u < (sum += p[i])) break;
  }
  return last;
}

size_t borel_law_categorical_log(borel_rng *rng, const double *lw, size_t n) {
  double largest, total = 0, sum = 0;
  if (!borel_check_categorical_log(rng, lw, n, &largest)) return 0;
  for (size_t i = 0; i < n; i++) total += borel_exp(lw[i] - largest);
  double u = uniform(rng) * total;
  size_t last = 0;
  for (size_t i = 0; i < n && rng->status == BOREL_OK; i++) {
    double w = borel_exp(lw[i] - largest);
    if (w == 0) continue;
    last = i;
    if (u < (sum += w)) break;
  }
  return last;
}

borel_unif borel_law_unif(borel_rng *rng) { return (borel_unif){0, 1, uniform(rng)}; }

int borel_law_unif_lt(borel_rng *rng, borel_unif *u, double cut) {
  return borel_check_cut(rng, cut) && u->value < cut;
}

double borel_law_exponential(borel_rng *rng) {
  double u = uniform(rng);
  return rng->status == BOREL_OK ? -borel_log(u) : 0;
}

/* Marsaglia and Tsang 2000, for shape >= 1. */
static double gamma_above_1(borel_rng *rng, double shape) {
  const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  while (rng->status == BOREL_OK) {
    double x = rng->ops->normal(rng), v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    double u = uniform(rng), x2 = x * x;
    if (u < 1 - 0.0331 * x2 * x2 || borel_log(u) < 0.5 * x2 + d * (1 - v + borel_log(v))) return d * v;
  }
  return 1;
}

/* Gamma(shape) = Gamma(shape + 1) U^(1/shape), in logarithms: small shapes give numbers below the double
 * range. */
static double log_gamma_variate(borel_rng *rng, double shape) {
  if (shape >= 1) return borel_log(gamma_above_1(rng, shape));
  double log_boosted = borel_log(gamma_above_1(rng, shape + 1));
  return log_boosted + borel_log(uniform(rng)) / shape;
}

double borel_law_gamma(borel_rng *rng, double shape) {
  if (!borel_check_gamma(rng, shape)) return 0;
  double x = shape >= 1 ? gamma_above_1(rng, shape) : borel_exp(log_gamma_variate(rng, shape));
  return rng->status == BOREL_OK ? x : 0;
}

double borel_law_beta(borel_rng *rng, double a, double b) {
  if (!borel_check_beta(rng, a, b)) return 0.5;
  double log_x = log_gamma_variate(rng, a), log_y = log_gamma_variate(rng, b);
  return rng->status == BOREL_OK ? 1 / (1 + borel_exp(log_y - log_x)) : 0.5;
}

/* log n! - log(sqrt(2 pi n) (n / e)^n), Stirling's error, n = 0, 1, ... */
static double stirling_error(double n) {
  static const double small[16] = {
      0.0 /* not used */,    0.081061466795327261,  0.041340695955409297,  0.027677925684998338,
      0.020790672103765093,  0.016644691189821193,  0.013876128823070748,  0.01189670994589177,
      0.010411265261972096,  0.0092554621827127329, 0.0083305634333628708, 0.0075736754879518406,
      0.0069428401072095299, 0.0064089941880042071, 0.0059513701127588475, 0.0055547335519628011};
  if (n < 16) return small[(int)n];
  const double m = n * n;
  return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / m) / m) / m) / m) / n;
}

/* x log(x / mean) + mean - x without cancellation (Loader 2000, "Fast and accurate computation of binomial
 * probabilities"). */
static double deviance(double x, double mean) {
  if (x == 0) return mean;
  double d = x - mean;
  if (fabs(d) >= 0.1 * (x + mean)) return x * borel_log(x / mean) - d;
  double v = d / (x + mean), term = 2 * x * v, sum = d * v;
  for (int j = 1; j < 100; j++) {
    term *= v * v;
    double next = sum + term / (2 * j + 1);
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

static const double LOG_2PI = 1.83787706640934548356;

static double log_poisson(double k, double mean) {
  if (k == 0) return -mean;
  return -deviance(k, mean) - stirling_error(k) - 0.5 * (LOG_2PI + borel_log(k));
}

/* 0 < p < 1. */
static double log_binomial(double k, double n, double p) {
  if (k == 0) return n * borel_log1p(-p);
  if (k == n) return n * borel_log(p);
  return stirling_error(n) - stirling_error(k) - stirling_error(n - k) - deviance(k, n * p) -
         deviance(n - k, n * (1 - p)) - 0.5 * (LOG_2PI + borel_log(k) + borel_log1p(-k / n));
}

/* Inverse distribution function on one uniform: probability(k + 1) = probability(k) * ratio(k). */
static double poisson_by_inversion(borel_rng *rng, double mean) {
  double u = uniform(rng), k = 0, p = borel_exp(-mean);
  while (u >= p && p > 0x1p-60) { /* the rest is below the grain of u */
    u -= p;
    k++;
    p *= mean / k;
  }
  return k;
}

static double binomial_by_inversion(borel_rng *rng, double n, double p) {
  const double odds = p / (1 - p);
  double u = uniform(rng), k = 0, q = borel_exp(n * borel_log1p(-p));
  while (u >= q && k < n && q > 0x1p-60) {
    u -= q;
    q *= odds * (n - k) / (k + 1);
    k++;
  }
  return k;
}

/* Transformed rejection with a squeeze (Hoermann 1993, algorithm PTRS), mean >= 10. */
static double poisson_by_rejection(borel_rng *rng, double mean) {
  const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
  while (rng->status == BOREL_OK) {
    double u = uniform(rng) - 0.5, v = uniform(rng), s = 0.5 - fabs(u);
    double k = floor((2 * a / s + b) * u + mean + 0.43);
    if (s >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (s < 0.013 && v > s)) continue;
    if (borel_log(v * inverse_alpha / (a / (s * s) + b)) <= log_poisson(k, mean)) return k;
  }
  return 0;
}

/* The same for the binomial (BTRS), p <= 1/2 and n p >= 10. */
static double binomial_by_rejection(borel_rng *rng, double n, double p) {
  const double sd = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * sd, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double alpha = (2.83 + 5.1 / b) * sd, squeeze = 0.92 - 4.2 / b;
  const double log_mode = log_binomial(floor((n + 1) * p), n, p);
  while (rng->status == BOREL_OK) {
    double u = uniform(rng) - 0.5, v = uniform(rng), s = 0.5 - fabs(u);
    double k = floor((2 * a / s + b) * u + n * p + 0.5);
    if (s >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > n) continue;
    if (borel_log(v * alpha / (a / (s * s) + b)) <= log_binomial(k, n, p) - log_mode) return k;
  }
  return 0;
}

uint64_t borel_law_poisson(borel_rng *rng, double mean) {
  if (!borel_check_poisson(rng, mean)) return 0;
  double k = mean < 10 ? poisson_by_inversion(rng, mean) : poisson_by_rejection(rng, mean);
  return rng->status == BOREL_OK ? (uint64_t)k : 0;
}

uint64_t borel_law_binomial(borel_rng *rng, uint64_t n, double p) {
  if (!borel_check_binomial(rng, n, p)) return 0;
  const double trials = (double)n, less = p <= 0.5 ? p : 1 - p;
  double k = trials * less < 10 ? binomial_by_inversion(rng, trials, less)
                                : binomial_by_rejection(rng, trials, less);
  if (rng->status != BOREL_OK) return 0;
  return (uint64_t)(p <= 0.5 ? k : trials - k);
}
