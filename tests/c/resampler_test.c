/* SPDX-License-Identifier: MIT
 * Resamplers: exact first and second moments against what each scheme implies, what they do at the ends,
 * their cost, what the host refuses, and that the validation of the kind notices each broken rule. */
#include "host/component.h"
#include "host/plugin.h"
#include "host/resampling.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLUGINS BOREL_BUILD_DIR "/plugins/resampler/"
#define MUTANTS BOREL_BUILD_DIR "/mutants/"
#define WRONG BOREL_BUILD_DIR "/tests/plugins/wrong_resampler.so"

static const char *const schemes[] = {"multinomial", "stratified", "systematic", "residual"};
enum { MULTINOMIAL, STRATIFIED, SYSTEMATIC, RESIDUAL, SCHEMES, MOST = 5 };

/* ---- helpers --------------------------------------------------------------------------------- */

static const borel_component *component_of(const char *path) {
  borel_error error = {0};
  const borel_plugin *plugin;
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  return plugin->components[0];
}

static borel_resampler *scheme(int which) {
  char path[512];
  borel_error error = {0};
  borel_resampler *resampler;
  snprintf(path, sizeof path, PLUGINS "%s.so", schemes[which]);
  borel_status status = borel_resampler_create(component_of(path), (borel_args){0}, &resampler, &error);
  cr_assert(status == BOREL_OK, "%s", error.message);
  return resampler;
}

static void resample(const borel_resampler *resampler, borel_rng *rng, size_t n, const double *weights,
                     size_t count, int64_t *ancestors) {
  borel_error error = {0};
  borel_block *scratch;
  cr_assert(borel_resampler_scratch(resampler, n > count ? n : count, &scratch, &error) == BOREL_OK);
  borel_status status = borel_resample(resampler, scratch, rng, n, weights, count, ancestors, &error);
  cr_assert(status == BOREL_OK, "%s", error.message);
  borel_block_destroy(scratch);
}

static borel_philox_rng drawing(uint64_t index) {
  static borel_error error;
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(7), "resampler"), 0, index, 0, &error);
  return rng;
}

/* ---- exact moments --------------------------------------------------------------------------- */

typedef struct {
  size_t n, count;
  double weights[MOST];
} population;

static const population populations[] = {
    {1, 3, {1}},
    {2, 2, {0.5, 0.5}},
    {2, 5, {0.37, 0.63}},
    {3, 3, {0.2, 0.3, 0.5}},
    {3, 4, {0.25, 0.5, 0.25}},
    {3, 4, {0.9, 0.1, 0}},
    {3, 7, {1e-9, 0.4, 0.6 - 1e-9}},
    {3, 10, {0.1, 0.3, 0.6}},
    {4, 4, {0.1, 0.2, 0.3, 0.4}},
    {4, 2, {0.1, 0.2, 0.3, 0.4}},
    {4, 3, {0, 0.35, 0, 0.65}},
    {4, 6, {0.24, 0.26, 0.01, 0.49}},
    {5, 5, {0.17, 0.29, 0.05, 0.38, 0.11}},
};

typedef struct {
  double mean[MOST], product[MOST][MOST];
} moments;

static moments enumerated(const borel_resampler *resampler, const population *p) {
  borel_error error = {0};
  borel_enumeration e;
  moments m = {0};
  int64_t ancestors[16];
  borel_enumerate_begin(&e, 0, &error);
  while (borel_enumerate_next(&e)) {
    double numbers[MOST] = {0};
    resample(resampler, borel_enumerate_rng(&e), p->n, p->weights, p->count, ancestors);
    double q = borel_enumerate_probability(&e);
    for (size_t k = 0; k < p->count; k++) numbers[ancestors[k]]++;
    for (size_t i = 0; i < p->n; i++) {
      m.mean[i] += q * numbers[i];
      for (size_t j = 0; j < p->n; j++) m.product[i][j] += q * numbers[i] * numbers[j];
    }
  }
  cr_assert(e.rng.status == BOREL_OK, "%s", error.message);
  borel_enumerate_end(&e);
  return m;
}

/* Covariances of `draws` independent picks with probabilities p. */
static void add_picks(const double *p, size_t n, double draws, double covariance[MOST][MOST]) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) covariance[i][j] += draws * ((i == j ? p[i] : 0) - p[i] * p[j]);
}

/* What residual resampling picks from, count W_i without its whole part. Returns how many are picked. */
static double left_over(const population *p, double *share) {
  double sum = 0;
  for (size_t i = 0; i < p->n; i++) {
    double expected = (double)p->count * p->weights[i];
    share[i] = fabs(expected - round(expected)) < 1e-13 * expected ? 0 : expected - floor(expected);
    sum += share[i];
  }
  for (size_t i = 0; i < p->n && sum > 0; i++) share[i] /= sum;
  return round(sum);
}

/* Picks of each stratum: how much of [k, k + 1) each particle covers, in units of 1 / count. */
static void add_strata(const population *p, double covariance[MOST][MOST]) {
  for (size_t k = 0; k < p->count; k++) {
    double cover[MOST], end = 0;
    for (size_t i = 0; i < p->n; i++) {
      double start = end;
      end += (double)p->count * p->weights[i];
      cover[i] = fmax(0, fmin(end, (double)k + 1) - fmax(start, (double)k));
    }
    add_picks(cover, p->n, 1, covariance);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The numbers are constant in u between the fractional parts of the ends: the middle of each piece, weighed.
 */
static void add_pieces(const population *p, double covariance[MOST][MOST]) {
  double cut[MOST + 2] = {0, 1}, ends[MOST], end = 0;
  for (size_t i = 0; i < p->n; i++) {
    ends[i] = end += (double)p->count * p->weights[i];
    cut[i + 2] = end - floor(end);
  }
  qsort(cut, p->n + 2, sizeof *cut, ascending);
  for (size_t c = 0; c + 1 < p->n + 2; c++) {
    double u = 0.5 * (cut[c] + cut[c + 1]), excess[MOST], before = 0;
    for (size_t i = 0; i < p->n; i++) {
      double up_to = i + 1 == p->n ? (double)p->count : fmin((double)p->count, fmax(0, ceil(ends[i] - u)));
      excess[i] = up_to - before - (double)p->count * p->weights[i];
      before = up_to;
    }
    for (size_t i = 0; i < p->n; i++)
      for (size_t j = 0; j < p->n; j++) covariance[i][j] += (cut[c + 1] - cut[c]) * excess[i] * excess[j];
  }
}

static void reference(int which, const population *p, double covariance[MOST][MOST]) {
  double share[MOST];
  memset(covariance, 0, MOST * sizeof *covariance);
  if (which == MULTINOMIAL) add_picks(p->weights, p->n, (double)p->count, covariance);
  if (which == RESIDUAL) add_picks(share, p->n, left_over(p, share), covariance);
  if (which == STRATIFIED) add_strata(p, covariance);
  if (which == SYSTEMATIC) add_pieces(p, covariance);
}

/* Sums of products up to 100 over some thousand paths, each exact to 1e-16 of itself. */
Test(resampler, means_and_covariances_are_those_of_the_scheme) {
  double worst = 0;
  for (int which = 0; which < SCHEMES; which++) {
    borel_resampler *resampler = scheme(which);
    for (size_t k = 0; k < sizeof populations / sizeof *populations; k++) {
      const population *p = &populations[k];
      moments m = enumerated(resampler, p);
      double expected[MOST][MOST];
      reference(which, p, expected);
      for (size_t i = 0; i < p->n; i++) {
        double off = fabs(m.mean[i] - (double)p->count * p->weights[i]);
        cr_expect(off <= 1e-12, "%s, population %zu: mean %zu is off by %g", schemes[which], k, i, off);
        for (size_t j = 0; j < p->n; j++) {
          double covariance = m.product[i][j] - m.mean[i] * m.mean[j];
          off = fabs(covariance - expected[i][j]);
          worst = fmax(worst, off);
          cr_expect(off <= 1e-12, "%s, population %zu: covariance %zu, %zu is %.12g, must be %.12g",
                    schemes[which], k, i, j, covariance, expected[i][j]);
        }
      }
    }
    borel_resampler_destroy(resampler);
  }
  printf("FIGURE resampler_covariance_off %.1e\n", worst);
}

/* Each scheme has its own variances: 0.25 picks of 4 tell all of them apart. */
Test(resampler, schemes_differ_in_their_covariances) {
  const population p = {4, 4, {0.1, 0.2, 0.3, 0.4}};
  double a[MOST][MOST], b[MOST][MOST];
  for (int i = 0; i < SCHEMES; i++)
    for (int j = 0; j < i; j++) {
      double difference = 0;
      reference(i, &p, a);
      reference(j, &p, b);
      for (size_t k = 0; k < MOST * MOST; k++)
        difference = fmax(difference, fabs(a[k / MOST][k % MOST] - b[k / MOST][k % MOST]));
      cr_expect(difference > 0.01, "%s and %s", schemes[i], schemes[j]);
    }
}

/* ---- the ends -------------------------------------------------------------------------------- */

/* A drawing source whose uniforms are all the same, and which counts what is asked of it. */
static double the_uniform;
static size_t asked;
static const borel_rng_ops *drawn;

static borel_unif fixed_unif(borel_rng *rng) {
  (void)rng;
  return (borel_unif){0, 1, the_uniform};
}

static int counted_unif_lt(borel_rng *rng, borel_unif *u, double cut) {
  asked++;
  return drawn->unif_lt(rng, u, cut);
}

static uint64_t counted_binomial(borel_rng *rng, uint64_t n, double p) {
  asked++;
  return drawn->binomial(rng, n, p);
}

/* Ten weights of 0.1 sum to 1 - 1.1e-16, and to 10 - 1.8e-15 in units of a tenth. */
Test(resampler, no_position_falls_before_the_first_or_behind_the_last_weight) {
  double weights[12] = {0};
  int64_t ancestors[7];
  for (int i = 1; i <= 10; i++) weights[i] = 0.1;
  for (int which = STRATIFIED; which <= SYSTEMATIC; which++) {
    borel_resampler *resampler = scheme(which);
    borel_philox_rng rng = drawing(0);
    drawn = rng.rng.ops;
    borel_rng_ops fixed = *drawn;
    fixed.unif = fixed_unif;
    rng.rng.ops = &fixed;
    the_uniform = 1 - 0x1p-53;
    resample(resampler, &rng.rng, 12, weights, 7, ancestors);
    cr_expect(ancestors[6] == 10, "%s: %lld", schemes[which], (long long)ancestors[6]);
    the_uniform = 0;
    resample(resampler, &rng.rng, 12, weights, 7, ancestors);
    cr_expect(ancestors[0] == 1, "%s: %lld", schemes[which], (long long)ancestors[0]);
    borel_resampler_destroy(resampler);
  }
}

Test(resampler, equal_weights_give_each_particle_one_offspring) {
  enum { N = 1000 };
  double weights[N];
  int64_t ancestors[N];
  for (size_t i = 0; i < N; i++) weights[i] = 1.0 / N;
  for (int which = STRATIFIED; which < SCHEMES; which++) {
    borel_resampler *resampler = scheme(which);
    borel_philox_rng rng = drawing(1);
    resample(resampler, &rng.rng, N, weights, N, ancestors);
    for (size_t k = 0; k < N; k++)
      cr_assert(ancestors[k] == (int64_t)k, "%s: ancestor %zu is %lld", schemes[which], k,
                (long long)ancestors[k]);
    borel_resampler_destroy(resampler);
  }
}

/* ---- drawn ----------------------------------------------------------------------------------- */

/* Mean offspring numbers of R draws have at most the variance count W (1 - W) / R. 160 of them, 5 standard
 * deviations: 1e-4 for all together, and the seed is fixed. */
Test(resampler, drawn_offspring_have_the_right_means) {
  enum { N = 40, COUNT = 60, DRAWS = 5000 };
  double weights[N], sum = 0, worst = 0;
  int64_t ancestors[COUNT];
  for (size_t i = 0; i < N; i++) sum += weights[i] = exp(3 * sin((double)(i * i)));
  for (size_t i = 0; i < N; i++) weights[i] /= sum;
  for (int which = 0; which < SCHEMES; which++) {
    borel_resampler *resampler = scheme(which);
    double mean[N] = {0};
    for (uint64_t d = 0; d < DRAWS; d++) {
      borel_philox_rng rng = drawing(2 + d);
      resample(resampler, &rng.rng, N, weights, COUNT, ancestors);
      for (size_t k = 0; k < COUNT; k++) mean[ancestors[k]] += 1.0 / DRAWS;
    }
    for (size_t i = 0; i < N; i++) {
      double z = fabs(mean[i] - COUNT * weights[i]) / sqrt(COUNT * weights[i] * (1 - weights[i]) / DRAWS);
      worst = fmax(worst, z);
      cr_expect(z <= 5, "%s: weight %zu has %g on average, must have %g: %.1f standard deviations",
                schemes[which], i, mean[i], COUNT * weights[i], z);
    }
    borel_resampler_destroy(resampler);
  }
  printf("FIGURE resampler_worst_z %.2f\n", worst);
}

/* Seconds for n particles, the best of three; counts what is asked of the source. */
static double seconds(const borel_resampler *resampler, size_t n) {
  double *weights = malloc(n * sizeof *weights), sum = 0, best = INFINITY;
  int64_t *ancestors = malloc(n * sizeof *ancestors);
  cr_assert(weights && ancestors);
  for (size_t i = 0; i < n; i++) sum += weights[i] = exp(2 * sin((double)i));
  for (size_t i = 0; i < n; i++) weights[i] /= sum;
  for (uint64_t d = 0; d < 3; d++) {
    borel_philox_rng rng = drawing(d);
    drawn = rng.rng.ops;
    borel_rng_ops counted = *drawn;
    counted.unif_lt = counted_unif_lt;
    counted.binomial = counted_binomial;
    rng.rng.ops = &counted;
    asked = 0;
    clock_t start = clock();
    resample(resampler, &rng.rng, n, weights, n, ancestors);
    best = fmin(best, (double)(clock() - start) / CLOCKS_PER_SEC);
  }
  free(weights);
  free(ancestors);
  return best;
}

/* At most one comparison for each particle and each offspring; ten times as many take ten times as long,
 * where n^2 would be a hundred times. */
Test(resampler, costs_grow_linearly) {
  enum { N = 1000000 };
  for (int which = 0; which < SCHEMES; which++) {
    borel_resampler *resampler = scheme(which);
    double few = seconds(resampler, N / 10), many = seconds(resampler, N);
    printf("FIGURE resampler_%s_ns %.1f\n", schemes[which], 1e9 * many / N);
    cr_expect(asked <= 2 * N, "%s: %zu questions", schemes[which], asked);
    cr_expect(many < 40 * few, "%s: %g s and %g s", schemes[which], few, many);
    borel_resampler_destroy(resampler);
  }
}

/* ---- the host -------------------------------------------------------------------------------- */

static void refuses(size_t n, const double *weights, size_t count, const char *text) {
  borel_resampler *resampler = scheme(SYSTEMATIC);
  borel_philox_rng rng = drawing(0);
  borel_error error = {0};
  borel_block *scratch;
  int64_t ancestors[8];
  cr_assert(borel_resampler_scratch(resampler, 8, &scratch, &error) == BOREL_OK);
  cr_expect(borel_resample(resampler, scratch, &rng.rng, n, weights, count, ancestors, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, text), "expected \"%s\" in: %s", text, error.message);
  borel_block_destroy(scratch);
  borel_resampler_destroy(resampler);
}

Test(resampler, the_host_refuses_what_are_no_weights) {
  refuses(0, NULL, 1, "systematic: there are no weights");
  refuses(1, (double[]){1}, 0, "systematic: the number of offspring must be at least 1");
  refuses(2, (double[]){1.5, -0.5}, 2, "systematic: weight 2 is -0.5; it must be finite and not negative");
  refuses(2, (double[]){NAN, 1}, 2, "systematic: weight 1 is nan; it must be finite and not negative");
  refuses(2, (double[]){1, INFINITY}, 2, "systematic: weight 2 is inf");
  refuses(2, (double[]){0.5, 0.25}, 2, "systematic: the 2 weights sum to 0.75, not to 1");
  refuses(2, (double[]){0, 0}, 2, "systematic: the 2 weights sum to 0, not to 1");
}

static void wrong(const char *fault, borel_status expected, const char *text) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = fault};
  borel_resampler *resampler;
  borel_philox_rng rng = drawing(0);
  borel_error error = {0};
  borel_block *scratch;
  int64_t ancestors[4];
  double weights[] = {0, 0.5, 0.5};
  cr_assert(borel_resampler_create(component_of(WRONG), (borel_args){&arg, 1}, &resampler, &error) ==
            BOREL_OK);
  cr_assert(borel_resampler_scratch(resampler, 4, &scratch, &error) == BOREL_OK);
  borel_status status = borel_resample(resampler, scratch, &rng.rng, 3, weights, 4, ancestors, &error);
  cr_expect(status == expected, "%s: status %u", fault, (unsigned)status);
  cr_expect(strstr(error.message, text), "%s: expected \"%s\" in: %s", fault, text, error.message);
  borel_block_destroy(scratch);
  borel_resampler_destroy(resampler);
}

Test(resampler, the_host_refuses_what_are_no_ancestors) {
  wrong("none", BOREL_OK, "");
  wrong("range", BOREL_INTERNAL, "wrong-resampler: ancestor 4 of offspring 4 is no particle with a weight");
  wrong("zero", BOREL_INTERNAL, "wrong-resampler: ancestor 1 of offspring 1 is no particle with a weight");
  wrong("unset", BOREL_INTERNAL, "is no particle with a weight");
  wrong("rejects", BOREL_INTERNAL, "wrong-resampler: resample rejects");
  wrong("fails", BOREL_IO, "");
}

Test(resampler, the_host_refuses_what_are_no_resamplers) {
  borel_error error = {0};
  borel_resampler *resampler;
  const borel_component *kernel = component_of(BOREL_BUILD_DIR "/plugins/kernel/nuts.so");
  cr_expect(borel_resampler_create(kernel, (borel_args){0}, &resampler, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "nuts is of kind kernel/1, but must be of kind resampler/1"));
  borel_component component = *component_of(WRONG);
  borel_resampler_ops ops = *(const borel_resampler_ops *)component.ops;
  component.ops = &ops;
  cr_expect(borel_component_check(&component, &error) == BOREL_OK);
  ops.resample = NULL;
  cr_expect(borel_component_check(&component, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "lacks the op resample, which kind resampler/1 requires"), "%s",
            error.message);
  ops.size = offsetof(borel_resampler_ops, resample);
  cr_expect(borel_component_check(&component, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "but kind resampler/1 needs"), "%s", error.message);
}

/* ---- validation ------------------------------------------------------------------------------ */

/* Exactly the rows in `claims` (separated by '|') fail, and the first says `text`. */
static void expect_failure(const char *fault, const char *claims, const char *text) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = fault};
  borel_validate_report report;
  borel_error error = {0};
  size_t failures = 0;
  cr_assert(borel_validate_resampler(component_of(WRONG), (borel_args){&arg, 1}, &report, &error) ==
            BOREL_OK);
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    if (row->verdict != BOREL_FAILS) continue;
    cr_expect(strstr(claims, row->claim), "%s: %s fails: %s", fault, row->claim, row->evidence);
    if (!failures++) cr_expect(strstr(row->evidence, text), "%s: %s", fault, row->evidence);
  }
  cr_expect(failures > 0 || !*claims, "%s passes", fault);
  borel_validate_report_free(&report);
}

Test(validate_resampler, a_right_one_passes) { expect_failure("none", "", ""); }
Test(validate_resampler, notices_indices_that_are_none) {
  expect_failure("range", "returns ancestors", "ancestor 0 of 1 is 1, with 1 weights");
}
Test(validate_resampler, notices_parents_without_weight) {
  expect_failure("zero", "returns ancestors", "whose weight is 0");
}
Test(validate_resampler, notices_ancestors_that_are_not_set) {
  expect_failure("unset", "returns ancestors", "ancestor 0 of 1 is not set");
}
Test(validate_resampler, notices_writes_beyond_the_end) {
  expect_failure("beyond", "returns ancestors", "it writes beyond the 1 ancestors");
}
Test(validate_resampler, notices_a_bias) {
  expect_failure("biased", "unbiased offspring|at most multinomial", "1 on average, not 0.25");
}
Test(validate_resampler, notices_memory_of_earlier_calls) {
  expect_failure("counter", "deterministic|scratch carries nothing|serves many threads at once", "differs");
}
Test(validate_resampler, notices_what_is_made_of_scratch) {
  expect_failure("scratch", "scratch carries nothing", "other bytes in scratch");
}
Test(validate_resampler, notices_threads_that_disturb_each_other) {
  expect_failure("shared", "serves many threads at once", "several threads");
}
Test(validate_resampler, notices_a_call_that_fails) {
  expect_failure("fails", "returns ancestors", "it fails with code 4");
}
Test(validate_resampler, notices_a_call_that_rejects) {
  expect_failure("rejects", "returns ancestors", "it fails with code 1");
}
Test(validate_resampler, survives_a_crash) { expect_failure("crash", "comes back", "crashed during"); }

/* The mean is right, so that only the second moments tell (docs/validity.md). */
Test(validate_resampler, notices_a_single_draw_by_second_moments_alone) {
  expect_failure("single", "at most multinomial", "a variance of 1, where 0.5 is the most");
  for (int which = MULTINOMIAL; which <= SYSTEMATIC; which++) {
    char path[512];
    borel_validate_report report;
    borel_error error = {0};
    int unbiased = 0, varies = 0;
    snprintf(path, sizeof path, MUTANTS "%s-4.so", schemes[which]);
    cr_assert(borel_validate_resampler(component_of(path), (borel_args){0}, &report, &error) == BOREL_OK);
    for (size_t i = 0; i < report.count; i++) {
      unbiased |=
          report.rows[i].verdict == BOREL_HOLDS && !strcmp(report.rows[i].claim, "unbiased offspring");
      varies |= report.rows[i].verdict == BOREL_FAILS && !strcmp(report.rows[i].claim, "at most multinomial");
    }
    cr_expect(unbiased && varies, "%s", path);
    borel_validate_report_free(&report);
  }
}

/* A normal number has no finite law: what cannot be known is not said to hold. */
Test(validate_resampler, says_when_choices_cannot_be_enumerated) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = "drawn"};
  borel_validate_report report;
  borel_error error = {0};
  cr_assert(borel_validate_resampler(component_of(WRONG), (borel_args){&arg, 1}, &report, &error) ==
            BOREL_OK);
  cr_expect(borel_validate_report_failures(&report) == 0);
  for (size_t i = 0; i < report.count; i++)
    if (!strcmp(report.rows[i].claim, "unbiased offspring")) {
      cr_expect(report.rows[i].verdict == BOREL_NOT_TESTED);
      cr_expect(strstr(report.rows[i].evidence, "normal has continuous support"), "%s",
                report.rows[i].evidence);
    }
  borel_validate_report_free(&report);
}
