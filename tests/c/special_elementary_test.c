/* SPDX-License-Identifier: MIT
 * exp, log and log1p of the graph against the C library's 80-bit functions, for processors with fused
 * multiply-add and without: less than one unit in the last place (docs/performance.md has the largest
 * errors). */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/processor.h"
#include "graph/graph.h"

enum { POINTS = 200000 };

/* |value - exact| in units of the last place of doubles at `exact`. */
static double ulps(double value, long double exact) {
  int exponent;
  frexpl(exact, &exponent);
  return (double)fabsl(((long double)value - exact) /
                       ldexpl(1, (exponent < DBL_MIN_EXP ? DBL_MIN_EXP : exponent) - DBL_MANT_DIG));
}

/* From `low` to `high`, evenly or evenly in the logarithm. */
typedef struct {
  borel_op op;
  long double (*exact)(long double);
  double low, high;
  int by_logarithm;
} range;

static const range ranges[] = {
    {BOREL_OP_EXP, expl, -1, 1, 0},
    {BOREL_OP_EXP, expl, -745, -708, 0},
    {BOREL_OP_EXP, expl, -708, 709.7, 0},
    {BOREL_OP_LOG, logl, 0.5, 2, 0},
    {BOREL_OP_LOG, logl, 5e-324, 1e308, 1},
    {BOREL_OP_LOG1P, log1pl, -0.999, 2, 0},
    {BOREL_OP_LOG1P, log1pl, 1e-18, 1e308, 1},
};

static double next(void) { return (double)random() * 0x1p-31 + (double)random() * 0x1p-62; }

static void expect_accurate(void) {
  if (sizeof(long double) == sizeof(double) || LDBL_MANT_DIG < 64) cr_skip("long double is double here");
  srandom(1);
  for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
    const range *in = &ranges[r];
    double worst = 0, at = 0;
    for (int i = 0; i < POINTS; i++) {
      double u = next(), x = in->by_logarithm ? exp(log(in->low) + u * (log(in->high) - log(in->low)))
                                              : in->low + u * (in->high - in->low);
      double off = ulps(borel_op_number(in->op, x, 0, 0), in->exact((long double)x));
      if (off > worst) worst = off, at = x;
    }
    cr_expect(worst < 1, "%s: %.3f ulp at %.17g", borel_op_get(in->op)->name, worst, at);
  }
}

Test(special_elementary, less_than_one_ulp) { expect_accurate(); }

Test(special_elementary, less_than_one_ulp_on_the_baseline) {
  setenv("BOREL_BASELINE", "1", 1);
#if defined(__x86_64__)
  cr_expect(!borel_processor_has_fma());
  cr_expect_str_eq(borel_processor_flag(), "-march=x86-64");
#endif
  expect_accurate();
}
