/* SPDX-License-Identifier: MIT */
#include "host/elementary.h"

#include <math.h>

#include "random/elementary.h"

/* Vectors as wide as the machine has; the operations are the same for every width. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

FOR_EACH_MACHINE static void array_exp(size_t n, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = borel_exp(x[i]);
}

/* The whole logarithm: numbers below the normal range are scaled into it by 2^54, what is none is told apart
 * at the end. Selections, so that a loop over it has no branch. */
BOREL_INLINE double whole_log(double x) {
  double small = x < 0x1p-1022 ? 54 : 0, scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
  double value = borel_log(scaled) - small * 0.69314718055994530942;
  value = x > 0 ? value : x == 0 ? -INFINITY : NAN;
  return x < INFINITY ? value : x;
}

FOR_EACH_MACHINE static void array_log(size_t n, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = whole_log(x[i]);
}

/* Kahan's correction, as in borel_log1p. */
FOR_EACH_MACHINE static void array_log1p(size_t n, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) {
    double u = 1 + x[i], d = u - 1, value = whole_log(u) * (x[i] / d);
    value = d == 0 ? x[i] : value;
    out[i] = u > 0 && u < INFINITY ? value : whole_log(u);
  }
}

const borel_elementary borel_elementary_table = {sizeof borel_elementary_table, array_exp, array_log,
                                                 array_log1p};
