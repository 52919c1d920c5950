/* SPDX-License-Identifier: MIT
 * Accuracy of the arithmetic behind every normal, against long double libm. */
#include "random/elementary.h"

#include <criterion/criterion.h>
#include <math.h>

/* splitmix64: any bits will do */
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

Test(random_elementary, word_uniform_is_inside_the_open_interval_and_symmetric) {
  cr_assert_eq(borel_word_uniform(0), 0x1p-53);
  cr_assert_eq(borel_word_uniform(UINT64_MAX), 1 - 0x1p-53);
  uint64_t state = 1;
  for (int i = 0; i < 100000; i++) {
    uint64_t word = next(&state);
    cr_assert_eq(borel_word_uniform(word), (double)((word >> 11) | 1) * 0x1p-53);
    cr_assert_eq(borel_word_uniform(word) + borel_word_uniform(~word), 1.0);
  }
}

Test(random_elementary, log_is_within_one_ulp_on_the_unit_interval) {
  uint64_t state = 2;
  double worst = 0;
  for (int i = 0; i < 2000000; i++) {
    uint64_t word = next(&state);
    if (i % 4 == 1) word >>= i % 52;            /* small numbers */
    if (i % 4 == 2) word = ~(word >> (i % 52)); /* near 1 */
    double u = borel_word_uniform(word);
    worst = fmax(worst, ulps(borel_log(u), logl(u)));
  }
  cr_log_info("log: %.3f ulp", worst);
  cr_assert_leq(worst, 1.0);
}

Test(random_elementary, log_serves_all_normal_numbers) {
  uint64_t state = 3;
  double worst = 0;
  for (int i = 0; i < 500000; i++) {
    double x =
        borel_from_bits((next(&state) % (0x7FE0000000000000u - 0x0010000000000000u)) + 0x0010000000000000u);
    worst = fmax(worst, ulps(borel_log(x), logl(x)));
  }
  cr_log_info("log, all: %.3f ulp", worst);
  cr_assert_leq(worst, 1.0);
  cr_assert_eq(borel_log(1), 0);
}

Test(random_elementary, log1p_keeps_small_arguments) {
  uint64_t state = 4;
  double worst = 0;
  for (int i = 0; i < 500000; i++) {
    double x = (borel_word_uniform(next(&state)) - 0.999) * ldexp(1, -(i % 60));
    if (x <= -1) continue;
    worst = fmax(worst, ulps(borel_log1p(x), log1pl(x)));
  }
  cr_log_info("log1p: %.3f ulp", worst);
  cr_assert_leq(worst, 4.0);
  cr_assert_eq(borel_log1p(0), 0);
}

Test(random_elementary, exp_is_within_one_ulp_and_ends_in_zero_and_infinity) {
  uint64_t state = 5;
  double worst = 0;
  for (int i = 0; i < 1000000; i++) {
    double x = (borel_word_uniform(next(&state)) - 0.5) * ldexp(1400, -(i % 40));
    if (x > 709.7 || x < -745) continue;
    worst = fmax(worst, ulps(borel_exp(x), expl(x)));
  }
  cr_log_info("exp: %.3f ulp", worst);
  cr_assert_leq(worst, 1.0);
  cr_assert_eq(borel_exp(0), 1);
  cr_assert_eq(borel_exp(-INFINITY), 0);
  cr_assert_eq(borel_exp(-746), 0);
  cr_assert_eq(borel_exp(710), INFINITY);
  cr_assert_eq(borel_exp(INFINITY), INFINITY);
}

Test(random_elementary, turn_is_within_two_ulps_also_beside_its_zeros) {
  const long double half_pi = 1.57079632679489661923132169163975144L;
  uint64_t state = 6;
  double worst = 0;
  for (int i = 0; i < 2000000; i++) {
    uint64_t word = next(&state);
    if (i % 2) word = (word >> (i % 50)) + ((uint64_t)(i % 8) << 61); /* beside the multiples of 1/8 */
    double u = borel_word_uniform(word), c, s;
    borel_turn(u, &c, &s);
    int q = (int)rint(4 * u);
    long double x = (4 * (long double)u - q) * half_pi, cx = cosl(x), sx = sinl(x);
    const long double want_c[4] = {cx, -sx, -cx, sx}, want_s[4] = {sx, cx, -sx, -cx};
    worst = fmax(worst, fmax(ulps(c, want_c[q % 4]), ulps(s, want_s[q % 4])));
  }
  cr_log_info("turn: %.3f ulp", worst);
  cr_assert_leq(worst, 2.0);
}
