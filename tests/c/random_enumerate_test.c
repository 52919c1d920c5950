/* SPDX-License-Identifier: MIT
 * Enumeration: exact measures of small programs. */
#include "random/source_enumerate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static borel_error error;

/* Runs a program over all of its paths; measure[k] is the probability that it returns k. Returns the paths.
 */
static uint64_t enumerate(size_t (*program)(borel_rng *), double *measure, size_t n, borel_status *status) {
  long double sum[64] = {0};
  cr_assert_leq(n, 64);
  borel_enumeration e;
  borel_enumerate_begin(&e, 0, &error);
  while (borel_enumerate_next(&e)) {
    size_t k = program(borel_enumerate_rng(&e));
    cr_assert_lt(k, n);
    sum[k] += borel_enumerate_probability(&e);
  }
  for (size_t k = 0; k < n; k++) measure[k] = (double)sum[k];
  *status = e.rng.status;
  uint64_t paths = e.paths;
  borel_enumerate_end(&e);
  return paths;
}

static size_t two_coins(borel_rng *rng) {
  size_t heads = (size_t)rng->ops->bernoulli(rng, 0.3);
  return heads + (size_t)rng->ops->bernoulli(rng, heads ? 0.9 : 0.5);
}

Test(random_enumerate, two_coins_have_their_exact_measure) {
  double m[3];
  borel_status status;
  cr_assert_eq(enumerate(two_coins, m, 3, &status), 4);
  cr_assert_eq(status, BOREL_OK);
  cr_assert_float_eq(m[0], 0.35, 1e-15);
  cr_assert_float_eq(m[1], 0.38, 1e-15);
  cr_assert_float_eq(m[2], 0.27, 1e-15);
}

/* The least of three outcomes has the probability 1 - p of a coin, p = 1 - 1e-9: a relative error of p is 1e9
 * times as large in it. A source is told p, the log-ratio log p, or a cut at p. */
static int unlikely;
static size_t complement(borel_rng *rng) {
  const double p = 1 - 1e-9;
  borel_unif u = rng->ops->unif(rng);
  if (unlikely == 0) return (size_t)rng->ops->bernoulli(rng, p);
  if (unlikely == 1) return (size_t)rng->ops->accept(rng, log(p));
  if (unlikely == 2) return (size_t)rng->ops->unif_lt(rng, &u, p);
  return rng->ops->categorical(rng, (double[]){1 - p, p}, 2); /* stated as it is */
}

Test(random_enumerate, doubts_are_of_what_is_left_of_one) {
  const double wanted[] = {1e9, 1e9, 1e9, 1};
  for (unlikely = 0; unlikely < 4; unlikely++) {
    borel_enumeration e;
    borel_enumerate_begin(&e, 0, &error);
    while (borel_enumerate_next(&e)) {
      size_t likely = complement(borel_enumerate_rng(&e));
      double doubt = borel_enumerate_doubt(&e), expected = likely ? 1 : wanted[unlikely];
      cr_expect(fabs(doubt - expected) <= 1e-6 * expected, "%d: %g, not %g", unlikely, doubt, expected);
    }
    cr_expect(e.paths == 2);
    borel_enumerate_end(&e);
  }
}

/* One uniform, comb at (u + i) / 3: the code that particle filters run. Returns the offspring, base 4. */
static const double WEIGHTS[3] = {0.2, 0.55, 0.25};

static size_t systematic(borel_rng *rng) {
  borel_unif u = rng->ops->unif(rng);
  size_t offspring[3] = {0}, j = 0;
  double sum = WEIGHTS[0];
  for (size_t i = 0; i < 3; i++) {
    /* (u + i) / 3 < sum  <=>  u < 3 sum - i; the last weight takes the rest */
    while (j < 2 && !rng->ops->unif_lt(rng, &u, 3 * sum - (double)i)) sum += WEIGHTS[++j];
    offspring[j]++;
  }
  return offspring[0] + 4 * offspring[1] + 16 * offspring[2];
}

/* By hand, for N W = (0.6, 1.65, 0.75): the comb has a point in [0, 0.6) with probability 0.6; cuts of u lie
 * at 0.6 and, from 2.25 - 2, at 0.25. u < 0.25: (1, 2, 0); 0.25 <= u < 0.6: (1, 1, 1); u >= 0.6: (0, 2, 1).
 */
Test(random_enumerate, systematic_resampling_has_its_exact_offspring) {
  double m[64];
  borel_status status;
  cr_assert_eq(enumerate(systematic, m, 64, &status), 3);
  cr_assert_eq(status, BOREL_OK);
  cr_assert_float_eq(m[1 + 4 * 2], 0.25, 1e-15);
  cr_assert_float_eq(m[1 + 4 + 16], 0.35, 1e-15);
  cr_assert_float_eq(m[4 * 2 + 16], 0.4, 1e-15);
  double mean[3] = {0}, total = 0;
  for (size_t k = 0; k < 64; k++) {
    total += m[k];
    for (int i = 0; i < 3; i++) mean[i] += m[k] * (double)((k >> (2 * i)) & 3);
  }
  cr_assert_float_eq(total, 1, 1e-15);
  for (int i = 0; i < 3; i++) cr_assert_float_eq(mean[i], 3 * WEIGHTS[i], 1e-15);
}

static size_t everything(borel_rng *rng) {
  const borel_rng_ops *ops = rng->ops;
  size_t k = ops->categorical(rng, (const double[]){0.1, 0, 0.2, 0.7}, 4);
  k += ops->categorical_log(rng, (const double[]){-1000, -1001, -INFINITY}, 3);
  k += ops->uniform_int(rng, 3);
  k += ops->binomial(rng, 5, 0.3);
  k += ops->direction(rng) > 0;
  k += (size_t)ops->accept(rng, -0.4);
  borel_unif u = ops->unif(rng);
  if (ops->unif_lt(rng, &u, 0.3)) k += (size_t)ops->unif_lt(rng, &u, 0.1);
  return k;
}

Test(random_enumerate, total_probability_is_one) {
  double m[64], total = 0;
  borel_status status;
  cr_assert_eq(enumerate(everything, m, 64, &status), 3 * 2 * 3 * 6 * 2 * 2 * 3);
  cr_assert_eq(status, BOREL_OK);
  for (int k = 0; k < 64; k++) total += m[k];
  cr_assert_float_eq(total, 1, 1e-15);
}

static size_t binomial_5(borel_rng *rng) { return rng->ops->binomial(rng, 5, 0.3); }

Test(random_enumerate, binomial_is_exact) {
  double m[6];
  borel_status status;
  cr_assert_eq(enumerate(binomial_5, m, 6, &status), 6);
  static const double choose[6] = {1, 5, 10, 10, 5, 1};
  for (int k = 0; k < 6; k++) cr_assert_float_eq(m[k], choose[k] * pow(0.3, k) * pow(0.7, 5 - k), 1e-15);
}

static size_t uniform_int_log(borel_rng *rng) {
  return 3 * rng->ops->categorical_log(rng, (const double[]){5, 5 + 0.69314718055994531, -INFINITY}, 3) +
         rng->ops->uniform_int(rng, 3);
}

Test(random_enumerate, categorical_log_normalises) {
  double m[9];
  borel_status status;
  cr_assert_eq(enumerate(uniform_int_log, m, 9, &status), 6);
  for (int i = 0; i < 3; i++) {
    cr_assert_float_eq(m[i], 1.0 / 9, 1e-15);
    cr_assert_float_eq(m[3 + i], 2.0 / 9, 1e-15);
    cr_assert_eq(m[6 + i], 0);
  }
}

static size_t certain(borel_rng *rng) {
  const borel_rng_ops *ops = rng->ops;
  borel_unif u = ops->unif(rng), known = {0.25, 0.25, 0.25};
  cr_assert_eq(ops->accept(rng, 0), 1);
  cr_assert_eq(ops->accept(rng, INFINITY), 1);
  cr_assert_eq(ops->accept(rng, -INFINITY), 0);
  cr_assert_eq(ops->accept(rng, -1e5), 0);
  cr_assert_eq(ops->bernoulli(rng, 0), 0);
  cr_assert_eq(ops->bernoulli(rng, 1), 1);
  cr_assert_eq(ops->categorical(rng, (const double[]){0, 1, 0}, 3), 1);
  cr_assert_eq(ops->categorical_log(rng, (const double[]){-INFINITY, -5}, 2), 1);
  cr_assert_eq(ops->uniform_int(rng, 1), 0);
  cr_assert_eq(ops->binomial(rng, 7, 0), 0);
  cr_assert_eq(ops->binomial(rng, 7, 1), 7);
  cr_assert_eq(ops->binomial(rng, 0, 0.5), 0);
  cr_assert_eq(ops->poisson(rng, 0), 0);
  cr_assert_eq(ops->unif_lt(rng, &u, 0), 0);
  cr_assert_eq(ops->unif_lt(rng, &u, 1), 1);
  cr_assert_eq(ops->unif_lt(rng, &known, 0.25), 0);
  cr_assert_eq(ops->unif_lt(rng, &known, 0.26), 1);
  return 0;
}

Test(random_enumerate, what_is_certain_does_not_branch) {
  double m[1];
  borel_status status;
  cr_assert_eq(enumerate(certain, m, 1, &status), 1);
  cr_assert_eq(status, BOREL_OK);
  cr_assert_eq(m[0], 1);
}

Test(random_enumerate, the_budget_is_an_error_with_its_count) {
  borel_enumeration e;
  borel_enumerate_begin(&e, 1000, &error);
  while (borel_enumerate_next(&e))
    for (int i = 0; i < 30; i++) e.rng.ops->direction(&e.rng);
  cr_assert_eq(e.rng.status, BOREL_ARG);
  cr_assert_eq(e.paths, 1000);
  cr_assert_str_eq(error.message, "enumeration: more than the budget of 1000 paths");
  cr_assert_eq(borel_enumerate_next(&e), 0);
  borel_enumerate_end(&e);
  borel_enumerate_begin(&e, 0, &error);
  cr_assert(borel_enumerate_next(&e));
  e.rng.ops->uniform_int(&e.rng, UINT64_C(1) << 60);
  cr_assert_eq(e.rng.status, BOREL_ARG);
  cr_assert(
      strstr(error.message, "uniform_int with 1152921504606846976 outcomes exceeds the budget of 4194304"),
      "%s", error.message);
  borel_enumerate_end(&e);
}

Test(random_enumerate, exactly_the_budget_is_enough) {
  borel_enumeration e;
  borel_enumerate_begin(&e, 8, &error);
  while (borel_enumerate_next(&e))
    for (int i = 0; i < 3; i++) e.rng.ops->direction(&e.rng);
  cr_assert_eq(e.rng.status, BOREL_OK);
  cr_assert_eq(e.paths, 8);
  borel_enumerate_end(&e);
}

Test(random_enumerate, laws_without_finite_support_are_refused_by_name) {
  static const char *const words[] = {"normal has continuous", "uniform has continuous",
                                      "gamma has continuous",  "beta has continuous",
                                      "poisson has unbounded", "exponential has continuous",
                                      "normal has continuous", "uniform has continuous"};
  for (int law = 0; law < 8; law++) {
    borel_enumeration e;
    double out[2];
    borel_enumerate_begin(&e, 0, &error);
    cr_assert(borel_enumerate_next(&e));
    borel_rng *rng = borel_enumerate_rng(&e);
    switch (law) {
    case 0: cr_assert_eq(rng->ops->normal(rng), 0); break;
    case 1: cr_assert_eq(rng->ops->uniform(rng), 0.5); break;
    case 2: cr_assert_eq(rng->ops->gamma(rng, 2), 0); break;
    case 3: cr_assert_eq(rng->ops->beta(rng, 2, 2), 0.5); break;
    case 4: cr_assert_eq(rng->ops->poisson(rng, 2), 0); break;
    case 5: cr_assert_eq(rng->ops->exponential(rng), 0); break;
    case 6: rng->ops->fill_normal(rng, out, 1, 2); break;
    default: rng->ops->fill_uniform(rng, out, 2, 1); break;
    }
    cr_assert_eq(rng->status, BOREL_ARG);
    cr_assert(strstr(error.message, words[law]), "%s", error.message);
    cr_assert(strstr(error.message, "finite stand-in law"), "%s", error.message);
    cr_assert_eq(borel_enumerate_next(&e), 0);
    borel_enumerate_end(&e);
  }
}

Test(random_enumerate, a_program_with_other_choices_on_the_same_prefix_is_refused) {
  for (int kind = 0; kind < 4; kind++) {
    borel_enumeration e;
    uint64_t run = 0;
    borel_enumerate_begin(&e, 0, &error);
    while (borel_enumerate_next(&e)) {
      borel_rng *rng = borel_enumerate_rng(&e);
      run++;
      if (kind == 0)
        rng->ops->uniform_int(rng, 2 + run); /* arity */
      else if (kind == 1)
        rng->ops->bernoulli(rng, 0.1 * (double)run); /* parameter */
      else if (kind == 2 && run == 2)
        rng->ops->accept(rng, -1); /* law */
      else if (kind == 3 && run == 2)
        continue; /* stops early */
      else
        rng->ops->direction(rng);
    }
    cr_assert_eq(e.rng.status, BOREL_INTERNAL, "kind %d", kind);
    cr_assert_eq(run, 2);
    cr_assert(strstr(error.message, "not deterministic given its choices"), "%s", error.message);
    borel_enumerate_end(&e);
  }
}

Test(random_enumerate, a_bad_parameter_ends_the_enumeration) {
  borel_enumeration e;
  borel_enumerate_begin(&e, 0, &error);
  cr_assert(borel_enumerate_next(&e));
  cr_assert_eq(e.rng.ops->categorical(&e.rng, (const double[]){0.5, 0.6}, 2), 0);
  cr_assert_eq(e.rng.status, BOREL_ARG);
  cr_assert_eq(borel_enumerate_next(&e), 0);
  borel_enumerate_end(&e);
}
