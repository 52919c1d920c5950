/* SPDX-License-Identifier: MIT */
#include "random/check.h"

#include "random/source.h"

#include <math.h>

static int fine(const borel_rng *rng) { return rng->status == BOREL_OK; }

/* Makes the status that of the check, unless the source has failed already. */
#define REQUIRE(rng, condition, ...)                                                                         \
  do {                                                                                                       \
    if (!(condition)) borel_source_fail(rng, __VA_ARGS__);                                                   \
    return fine(rng);                                                                                        \
  } while (0)

int borel_check_log_ratio(borel_rng *rng, double log_ratio) {
  REQUIRE(rng, !isnan(log_ratio), BOREL_DOMAIN, "accept: the log ratio is not a number");
}

int borel_check_cut(borel_rng *rng, double cut) {
  REQUIRE(rng, !isnan(cut), BOREL_DOMAIN, "unif_lt: the cut is not a number");
}

int borel_check_probability(borel_rng *rng, double p) {
  REQUIRE(rng, p >= 0 && p <= 1, BOREL_ARG, "bernoulli: p is %g; it must be in [0, 1]", p);
}

int borel_check_categorical(borel_rng *rng, const double *p, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(p[i] >= 0 && p[i] <= 1)) {
      borel_source_fail(rng, BOREL_ARG, "categorical: p[%zu] is %g; it must be in [0, 1]", i, p[i]);
      return 0;
    }
    sum += p[i];
  }
  REQUIRE(rng, fabs(sum - 1) <= 1e-9, BOREL_ARG, "categorical: the %zu probabilities sum to %.12g, not to 1",
          n, sum);
}

int borel_check_categorical_log(borel_rng *rng, const double *lw, size_t n, double *largest) {
  double max = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (isnan(lw[i]) || lw[i] == INFINITY) {
      borel_source_fail(rng, BOREL_DOMAIN, "categorical_log: log weight %zu is %g", i, lw[i]);
      return 0;
    }
    if (lw[i] > max) max = lw[i];
  }
  *largest = max;
  REQUIRE(rng, max > -INFINITY, BOREL_DOMAIN, "categorical_log: all %zu log weights are -inf", n);
}

int borel_check_uniform_int(borel_rng *rng, uint64_t n) {
  REQUIRE(rng, n > 0, BOREL_ARG, "uniform_int: n is 0; there is nothing to choose from");
}

int borel_check_gamma(borel_rng *rng, double shape) {
  REQUIRE(rng, shape > 0 && isfinite(shape), BOREL_ARG, "gamma: shape is %g; it must be positive and finite",
          shape);
}

/* Below 1e-300 the logarithms that the draw divides by the shape would overflow. */
int borel_check_beta(borel_rng *rng, double a, double b) {
  REQUIRE(rng, a >= 1e-300 && b >= 1e-300 && isfinite(a) && isfinite(b), BOREL_ARG,
          "beta: a is %g and b is %g; both must be positive (at least 1e-300) and finite", a, b);
}

int borel_check_poisson(borel_rng *rng, double mean) {
  REQUIRE(rng, mean >= 0 && mean <= 0x1p53, BOREL_ARG, "poisson: mean is %g; it must be in [0, 2^53]", mean);
}

int borel_check_binomial(borel_rng *rng, uint64_t n, double p) {
  REQUIRE(rng, n <= UINT64_C(1) << 53 && p >= 0 && p <= 1, BOREL_ARG,
          "binomial: n is %llu and p is %g; n must be at most 2^53 and p in [0, 1]", (unsigned long long)n,
          p);
}
