/* SPDX-License-Identifier: MIT
 * The statistical tier of the validation: exact null laws, bounded false alarms, joint laws whose draws and
 * densities belong together; lets the good kernels pass with a fixed seed and notices the bad ones. */
#include "host/plugin.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/joint.h"
#include "validate/null_law.h"
#include "validate/sampling.h"
#include "validate/sequential.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PLUGINS BOREL_BUILD_DIR "/plugins/kernel/"
#define MUTANTS BOREL_BUILD_DIR "/mutants/"
#define TEST_PLUGINS BOREL_BUILD_DIR "/tests/plugins/"

/* ---- null laws ------------------------------------------------------------------------------- */

/* Bit i of `order` says from which sample the i-th smallest of 2n values comes. */
static size_t smirnov_of(unsigned order, size_t n) {
  double a[8], b[8];
  size_t i = 0, j = 0;
  for (size_t k = 0; k < 2 * n; k++) {
    if (order >> k & 1)
      a[i++] = (double)k;
    else
      b[j++] = (double)k;
  }
  return borel_smirnov(a, b, n);
}

Test(null_law, of_smirnov_is_that_of_all_orders) {
  for (size_t n = 1; n <= 8; n++) {
    size_t reached[9] = {0}, orders = 0;
    for (unsigned order = 0; order < 1u << 2 * n; order++) {
      if (__builtin_popcount(order) != (int)n) continue;
      size_t difference = smirnov_of(order, n);
      orders++;
      for (size_t k = 0; k <= difference; k++) reached[k]++;
    }
    for (size_t k = 0; k <= n; k++)
      cr_expect_float_eq(borel_smirnov_p(n, k), (double)reached[k] / (double)orders, 1e-14,
                         "n = %zu, k = %zu", n, k);
  }
}

Test(null_law, of_smirnov_never_exceeds_its_bound) {
  for (size_t k = 100; k <= 600; k += 100) /* 2 exp(-n D^2), the limit for large n */
    cr_expect(borel_smirnov_p(4000, k) <= 2 * exp(-(double)(k * k) / 4000.0));
  cr_expect(borel_smirnov_p(16000, 16000) >= 0);
}

Test(null_law, ties_count_once) {
  double a[] = {1, 1, 2, 3}, b[] = {1, 2, 2, 3};
  cr_expect(borel_smirnov(a, b, 4) == 1);
  double c[] = {1, 1, 1, 1}, d[] = {2, 2, 2, 2};
  cr_expect(borel_smirnov(c, d, 4) == 4);
}

Test(null_law, of_the_binomial_is_its_sum) {
  for (size_t n = 1; n <= 12; n++)
    for (double p = 0.1; p < 0.95; p += 0.2)
      for (size_t k = 0; k <= n; k++) {
        double low = 0, high = 0;
        for (size_t i = 0; i <= n; i++) {
          double mass = exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1)) *
                        pow(p, (double)i) * pow(1 - p, (double)(n - i));
          if (i <= k) low += mass;
          if (i >= k) high += mass;
        }
        double tail = (double)k > (double)n * p ? high : low;
        cr_expect_float_eq(borel_binomial_p(n, k, p), fmin(1, 2 * tail), 1e-13, "n = %zu, k = %zu, p = %g", n,
                           k, p);
      }
}

/* Abramowitz and Stegun, table 26.8. */
Test(null_law, of_chi_squared_is_tabulated) {
  static const struct {
    size_t freedom;
    double x, p;
  } table[] = {
      {1, 3.84146, 0.05}, {2, 5.99146, 0.05}, {9, 16.9190, 0.05}, {9, 27.8772, 0.001}, {10, 23.2093, 0.01}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    cr_expect_float_eq(borel_chi_squared_p(table[i].x, table[i].freedom), table[i].p, 2e-6 * 5);
  cr_expect(borel_chi_squared_p(0, 9) == 1);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

typedef struct {
  const double *q; /* of the rounds */
  size_t sizes[BOREL_ROUNDS];
} scripted;

static double next_q(void *self, size_t round, size_t n) {
  scripted *s = self;
  s->sizes[round - 1] = n;
  return s->q[round - 1];
}

/* alpha = 1e-5 gives beta = 1.43e-6 and gamma = 0.146. */
Test(sequential, goes_on_while_in_doubt) {
  double reject, doubt;
  borel_sequential_levels(1e-5, &reject, &doubt);
  cr_expect_float_eq(reject, 1.4286e-6, 1e-10);
  cr_expect_float_eq(doubt, 0.146, 5e-4);
  scripted s = {.q = (const double[]){1e-6}};
  borel_sequence r = borel_sequential(1e-5, 100, next_q, &s);
  cr_expect(r.rejected && r.round == 1 && r.n == 100);
  s.q = (const double[]){2e-6, 9.7e-6};
  r = borel_sequential(1e-5, 100, next_q, &s);
  cr_expect(r.rejected && r.round == 2 && r.n == 400, "round %zu, n = %zu", r.round, r.n);
  s.q = (const double[]){0.1, 0.1, 0.2};
  r = borel_sequential(1e-5, 100, next_q, &s);
  cr_expect(!r.rejected && r.round == 3 && s.sizes[2] == 400);
  s.q = (const double[]){0.15};
  cr_expect(!borel_sequential(1e-5, 100, next_q, &s).rejected);
  s.q = (const double[]){NAN};
  cr_expect(!borel_sequential(1e-5, 100, next_q, &s).rejected);
}

static double uniform_q(void *self, size_t round, size_t n) {
  (void)round, (void)n;
  borel_rng *rng = self;
  return rng->ops->uniform(rng);
}

/* With uniform q the probability of rejection is alpha at most, and nearly alpha: 20000 times at 0.2 within
 * the 99.9 % interval below, and not far below. */
Test(sequential, keeps_its_level) {
  borel_error error = {0};
  borel_philox_rng rng;
  size_t rejected = 0, runs = 20000;
  borel_philox_open(&rng, borel_stream_root(7), 0, 0, 0, &error);
  for (size_t i = 0; i < runs; i++)
    rejected += (size_t)borel_sequential(0.2, 1, uniform_q, &rng.rng).rejected;
  cr_expect(rejected < runs / 5 || borel_binomial_p(runs, rejected, 0.2) > 1e-3, "%zu of %zu", rejected,
            runs);
  cr_expect(rejected > runs / 10, "%zu of %zu", rejected, runs);
}

/* ---- joint laws ------------------------------------------------------------------------------ */

Test(joints, have_the_gradients_of_their_densities) {
  borel_error error = {0};
  for (size_t k = 0; k < borel_joint_count; k++) {
    const borel_joint *joint = &borel_joints[k];
    borel_philox_rng rng;
    borel_philox_open(&rng, borel_stream_root(3), 0, k, 0, &error);
    for (int i = 0; i < 20; i++) {
      double u[BOREL_TRIAL_MAX], data[BOREL_JOINT_DATA], gradient[BOREL_TRIAL_MAX];
      int64_t z[BOREL_TRIAL_MAX];
      joint->draw_parameters(&rng.rng, u, z);
      joint->draw_data(&rng.rng, u, z, data);
      cr_assert(isfinite(borel_joint_density(joint, data, u, z, gradient)), "%s", joint->name);
      for (size_t d = 0; d < joint->D; d++) {
        const double h = 1e-5, at = u[d];
        u[d] = at + h;
        double above = borel_joint_density(joint, data, u, z, NULL);
        u[d] = at - h;
        double below = borel_joint_density(joint, data, u, z, NULL);
        u[d] = at;
        /* h^2 times a third derivative of some hundreds, and rounding of 1e-16 / h */
        cr_expect_float_eq(gradient[d], (above - below) / (2 * h), 1e-6 * (1 + fabs(gradient[d])), "%s, %zu",
                           joint->name, d);
      }
    }
  }
}

Test(joints, name_what_is_looked_at) {
  for (size_t k = 0; k < borel_joint_count; k++) {
    const borel_joint *joint = &borel_joints[k];
    double u[BOREL_TRIAL_MAX] = {0}, data[BOREL_JOINT_DATA] = {1, 1, 1, 1}, out[BOREL_STATISTICS];
    int64_t z[BOREL_TRIAL_MAX] = {0};
    char name[24];
    size_t count = borel_joint_statistics(joint, data, u, z, out), likelihood = joint->D + joint->K;
    cr_assert(count == likelihood + 3 && count <= BOREL_STATISTICS);
    borel_joint_statistic_name(joint, likelihood, name);
    cr_expect_str_eq(name, "log-likelihood");
    cr_expect(out[likelihood] == joint->likelihood(data, u, z, NULL));
  }
}

/* n = 29 / d^2 is what a bounded mean needs for 1e-6 and 1e-6; here the rounds' levels are lower, and several
 * statistics share them. */
Test(sampling, states_what_it_can_notice) {
  double effect = borel_two_sample_effect(2e-8, 4000);
  cr_expect(effect > sqrt(29.0 / 16000) && effect < 0.11, "%g", effect);
  cr_expect(borel_rank_effect(2e-8, 1000) < 0.16);
  cr_expect(borel_two_sample_effect(2e-8, 16000) < 0.51 * effect);
}

/* ---- kernels --------------------------------------------------------------------------------- */

static borel_validate_report validate(const char *path, const char *name, uint64_t seed) {
  borel_error error = {0};
  borel_validate_report report = {0};
  const borel_plugin *plugin;
  const borel_component *component = NULL;
  const borel_validate_tier tier = {.statistical = 1, .seed = seed};
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  for (size_t i = 0; i < plugin->component_count; i++)
    if (!strcmp(plugin->components[i]->name, name)) component = plugin->components[i];
  cr_assert(component, "%s has no %s", path, name);
  borel_status status = borel_validate_kernel_tier(component, (borel_args){0}, &tier, &report, &error);
  cr_assert(status == BOREL_OK, "%s: %s", name, error.message);
  return report;
}

static const borel_validate_row *row_of(const borel_validate_report *report, const char *method) {
  for (size_t i = 0; i < report->count; i++)
    if (!strcmp(report->rows[i].method, method)) return &report->rows[i];
  return NULL;
}

static void expect_row(const borel_validate_report *report, const char *method, borel_verdict verdict,
                       const char *text) {
  const borel_validate_row *row = row_of(report, method);
  cr_assert(row, "no row by %s", method);
  cr_expect(row->verdict == verdict, "%s %s: %s", method, borel_verdict_name(row->verdict), row->evidence);
  cr_expect(strstr(row->evidence, text), "expected \"%s\" in: %s", text, row->evidence);
}

static size_t tests_in(const borel_validate_report *report, const char *method) {
  size_t sum = 0, tests;
  for (size_t i = 0; i < report->count; i++) {
    const char *text = report->rows[i].evidence, *end = strstr(text, " tests, none rejects");
    if (strcmp(report->rows[i].method, method) != 0 || !end) continue;
    while (end > text && end[-1] >= '0' && end[-1] <= '9') end--;
    if (sscanf(end, "%zu", &tests) == 1) sum += tests;
  }
  return sum;
}

/* The run of CI, with the seed of `borel validate --statistical`. */
Test(statistics, let_what_borel_ships_pass) {
  static const struct {
    const char *file, *name;
    size_t two_sample, rank;
  } kernels[] = {{"nuts", "nuts", 20, 20},
                 {"hmc", "hmc", 20, 20},
                 {"hmc", "mala", 20, 20},
                 {"microcanonical", "microcanonical", 20, 20},
                 {"random-walk", "random-walk", 22, 22},
                 {"elliptical-slice", "elliptical-slice", 10, 10},
                 {"slice", "slice", 20, 0}};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    char path[300];
    snprintf(path, sizeof path, "%s%s.so", PLUGINS, kernels[i].file);
    borel_validate_report report = validate(path, kernels[i].name, BOREL_VALIDATE_SEED);
    for (size_t r = 0; r < report.count; r++)
      cr_expect(report.rows[r].verdict != BOREL_FAILS, "%s: %s", kernels[i].name, report.rows[r].evidence);
    cr_expect(tests_in(&report, "two-sample") == kernels[i].two_sample, "%s: %zu", kernels[i].name,
              tests_in(&report, "two-sample"));
    cr_expect(tests_in(&report, "rank") == kernels[i].rank, "%s: %zu", kernels[i].name,
              tests_in(&report, "rank"));
    expect_row(&report, "sbc", BOREL_REPORTED, "200 data sets");
    expect_row(&report, "geweke", BOREL_REPORTED, "|z|");
    borel_validate_report_free(&report);
  }
}

/* What the exact checks cannot follow is decided here. */
Test(statistics, judge_continuous_laws) {
  borel_validate_report report = validate(PLUGINS "slice.so", "slice", BOREL_VALIDATE_SEED);
  expect_row(&report, "two-sample", BOREL_HOLDS, "with expand = step_out, law = continuous: 5 tests");
  for (size_t i = 0; i < report.count; i++)
    cr_expect(report.rows[i].verdict != BOREL_NOT_TESTED, "%s", report.rows[i].evidence);
  borel_validate_report_free(&report);
}

Test(statistics, notice_mutants) {
  borel_validate_report report = validate(MUTANTS "slice-1.so", "slice", 2);
  expect_row(&report, "two-sample", BOREL_FAILS, "with expand = step_out, law = continuous: log-density of");
  borel_validate_report_free(&report);
  report = validate(MUTANTS "random-walk-3.so", "random-walk", 2);
  expect_row(&report, "two-sample", BOREL_FAILS, "has another law: q = ");
  expect_row(&report, "rank", BOREL_FAILS, "has another law: q = ");
  borel_validate_report_free(&report);
}

/* It preserves everything: a test on which nothing moves is no evidence. */
Test(statistics, say_nothing_of_what_never_moves) {
  borel_validate_report report = validate(MUTANTS "random-walk-7.so", "random-walk", 2);
  cr_expect(!row_of(&report, "two-sample") && !row_of(&report, "rank"));
  borel_validate_report_free(&report);
}

/* A scan is no reversible kernel and remembers where it is, but its steps preserve the target. */
Test(statistics, let_scans_pass) {
  borel_validate_report report = validate(TEST_PLUGINS "right_kernel.so", "right-scan", 2);
  expect_row(&report, "two-sample", BOREL_HOLDS, "2 tests, none rejects");
  cr_expect(!row_of(&report, "rank"));
  borel_validate_report_free(&report);
}

Test(statistics, say_the_same_each_time_and_otherwise_with_other_seeds) {
  borel_validate_report a = validate(PLUGINS "elliptical-slice.so", "elliptical-slice", 5);
  borel_validate_report b = validate(PLUGINS "elliptical-slice.so", "elliptical-slice", 5);
  borel_validate_report c = validate(PLUGINS "elliptical-slice.so", "elliptical-slice", 6);
  cr_assert(a.count == b.count && a.count == c.count);
  for (size_t i = 0; i < a.count; i++) cr_expect_str_eq(a.rows[i].evidence, b.rows[i].evidence);
  cr_expect_str_neq(row_of(&a, "two-sample")->evidence, row_of(&c, "two-sample")->evidence);
  borel_validate_report_free(&a);
  borel_validate_report_free(&b);
  borel_validate_report_free(&c);
}

/* ---- approximate kernels --------------------------------------------------------------------- */

Test(order, is_measured) {
  borel_validate_report report = validate(TEST_PLUGINS "order_kernel.so", "order-one", BOREL_VALIDATE_SEED);
  expect_row(&report, "order", BOREL_HOLDS, "slope 1.");
  cr_expect_str_eq(row_of(&report, "order")->claim, "order 1");
  borel_validate_report_free(&report);
  report = validate(TEST_PLUGINS "order_kernel.so", "order-limit", BOREL_VALIDATE_SEED);
  expect_row(&report, "order", BOREL_HOLDS, "slope 1.");
  cr_expect_str_eq(row_of(&report, "order")->claim, "tends to the target");
  borel_validate_report_free(&report);
  report = validate(PLUGINS "microcanonical.so", "microcanonical-unadjusted", BOREL_VALIDATE_SEED);
  expect_row(&report, "order", BOREL_HOLDS, "slope 2.");
  borel_validate_report_free(&report);
}

Test(order, of_more_than_there_is_fails) {
  borel_validate_report report = validate(TEST_PLUGINS "order_kernel.so", "order-two", BOREL_VALIDATE_SEED);
  expect_row(&report, "order", BOREL_FAILS, "slope 1.");
  borel_validate_report_free(&report);
}

Test(order, needs_a_step_size) {
  borel_validate_report report = validate(TEST_PLUGINS "order_kernel.so", "order-fixed", BOREL_VALIDATE_SEED);
  expect_row(&report, "order", BOREL_NOT_TESTED, "it has no tuning field step_size");
  borel_validate_report_free(&report);
}
