/* SPDX-License-Identifier: MIT
 * The host's functions of arrays, against long double libm; the same bits for every length and place. */
#include "host/elementary.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "random/elementary.h"

enum { COUNT = 40000 };

/* splitmix64 */
static uint64_t next(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* |value - exact| in units of the last place of `exact`. */
static double ulps(double value, long double exact) {
  double size = fabs((double)exact), unit = nextafter(size, INFINITY) - size;
  return (double)(fabsl((long double)value - exact) / (long double)unit);
}

static double exponents[COUNT], positives[COUNT], above[COUNT], out[COUNT], again[COUNT];

static void fill(void) {
  uint64_t state = 11;
  for (size_t i = 0; i < COUNT; i++) {
    exponents[i] = (borel_word_uniform(next(&state)) - 0.5) * ldexp(1480, -(int)(i % 40));
    positives[i] =
        borel_from_bits(next(&state) % 0x7FF0000000000000u); /* with those below the normal range */
    above[i] = i % 2 ? positives[i] : (borel_word_uniform(next(&state)) - 0.999) * ldexp(1, -(int)(i % 60));
  }
}

Test(host_elementary, errors_are_as_small_as_stated) {
  fill();
  double worst[3] = {0};
  borel_elementary_table.exp(COUNT, exponents, out);
  for (size_t i = 0; i < COUNT; i++)
    if (exponents[i] < 709.7) worst[0] = fmax(worst[0], ulps(out[i], expl(exponents[i])));
  borel_elementary_table.log(COUNT, positives, out);
  for (size_t i = 0; i < COUNT; i++) worst[1] = fmax(worst[1], ulps(out[i], logl(positives[i])));
  borel_elementary_table.log1p(COUNT, above, out);
  for (size_t i = 0; i < COUNT; i++) worst[2] = fmax(worst[2], ulps(out[i], log1pl(above[i])));
  cr_log_info("exp %.3f, log %.3f, log1p %.3f ulp", worst[0], worst[1], worst[2]);
  cr_assert_leq(worst[0], 1.0, "exp: %.3f", worst[0]);
  cr_assert_leq(worst[1], 1.0, "log: %.3f", worst[1]);
  cr_assert_leq(worst[2], 4.0, "log1p: %.3f", worst[2]);
}

Test(host_elementary, ends_are_those_of_libm) {
  double x[] = {0, -0.0, -1, INFINITY, -INFINITY, NAN, 1, 800, -800, 5e-324};
  double exp_of[10], log_of[10], log1p_of[10];
  borel_elementary_table.exp(10, x, exp_of);
  borel_elementary_table.log(10, x, log_of);
  borel_elementary_table.log1p(10, x, log1p_of);
  for (size_t i = 0; i < 10; i++) {
    cr_assert(exp_of[i] == exp(x[i]) || isnan(x[i]) || i == 6, "exp(%g) = %g", x[i], exp_of[i]);
    cr_assert(log_of[i] == log(x[i]) || (isnan(log(x[i])) && isnan(log_of[i])) ||
                  ulps(log_of[i], logl(x[i])) <= 1,
              "log(%g) = %g", x[i], log_of[i]);
    cr_assert(log1p_of[i] == log1p(x[i]) || (isnan(log1p(x[i])) && isnan(log1p_of[i])) ||
                  ulps(log1p_of[i], log1pl(x[i])) <= 4,
              "log1p(%g) = %g", x[i], log1p_of[i]);
  }
  cr_assert(isnan(exp_of[5]));
  cr_assert_eq(log_of[6], 0);
}

/* Alone, in the middle of others, and in place: the wide loop and what is left over compute the same. */
Test(host_elementary, an_element_does_not_depend_on_the_others) {
  void (*const functions[])(size_t, const double *, double *) = {
      borel_elementary_table.exp, borel_elementary_table.log, borel_elementary_table.log1p};
  const double *const arguments[] = {exponents, positives, above};
  fill();
  for (size_t f = 0; f < 3; f++) {
    functions[f](COUNT, arguments[f], out);
    for (size_t i = 0; i < 2000; i++) {
      double one;
      functions[f](1, &arguments[f][i], &one);
      cr_assert_eq(memcmp(&one, &out[i], sizeof one), 0, "function %zu of %a", f, arguments[f][i]);
    }
    for (size_t from = 1; from < 9; from++) {
      memcpy(again, arguments[f] + from, 21 * sizeof *again);
      functions[f](21, again, again);
      cr_assert_eq(memcmp(again, out + from, 21 * sizeof *again), 0, "function %zu in place", f);
    }
  }
}
