/* SPDX-License-Identifier: MIT
 * The validation of kernels: lets the good ones pass, notices the bad ones, and says what it cannot tell. */
#include "host/plugin.h"
#include "random/source_enumerate.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define PLUGINS BOREL_BUILD_DIR "/plugins/kernel/"
#define TEST_PLUGINS BOREL_BUILD_DIR "/tests/plugins/"

/* ---- helpers --------------------------------------------------------------------------------- */

static const borel_component *find(const char *path, const char *name) {
  borel_error error = {0};
  const borel_plugin *plugin;
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  for (size_t i = 0; i < plugin->component_count; i++)
    if (!strcmp(plugin->components[i]->name, name)) return plugin->components[i];
  cr_assert(0, "%s has no %s", path, name);
  return NULL;
}

static borel_validate_report validate(const char *path, const char *name, borel_args params) {
  borel_error error = {0};
  borel_validate_report report;
  borel_status status = borel_validate_kernel(find(path, name), params, &report, &error);
  cr_assert(status == BOREL_OK && report.count > 0, "%s: %s", name, error.message);
  return report;
}

static const borel_validate_row *row_of(const borel_validate_report *report, const char *claim,
                                        const char *method) {
  for (size_t i = 0; i < report->count; i++)
    if (!strcmp(report->rows[i].claim, claim) && !strcmp(report->rows[i].method, method))
      return &report->rows[i];
  return NULL;
}

/* The row has this verdict, and its evidence says `text`. */
static void expect_row(const borel_validate_report *report, const char *claim, const char *method,
                       borel_verdict verdict, const char *text) {
  const borel_validate_row *row = row_of(report, claim, method);
  cr_assert(row, "no row: %s by %s", claim, method);
  cr_expect(row->verdict == verdict, "%s by %s %s: %s", claim, method, borel_verdict_name(row->verdict),
            row->evidence);
  cr_expect(strstr(row->evidence, text), "expected \"%s\" in: %s", text, row->evidence);
  cr_expect(!strchr(row->evidence, '\n'), "%s", row->evidence);
}

static void expect_no_failure(const borel_validate_report *report) {
  for (size_t i = 0; i < report->count; i++)
    cr_expect(report->rows[i].verdict != BOREL_FAILS, "%s: %s", report->rows[i].claim,
              report->rows[i].evidence);
  cr_expect(borel_validate_report_failures(report) == 0);
}

/* ---- what Borel ships ------------------------------------------------------------------------ */

static const char *const rules[] = {
    "leaves a true point",   "tuning is frozen in a step", "deterministic",   "scratch carries nothing",
    "copies continue alike", "withstands failures",        "keeps the layout"};

static void expect_rules(const borel_validate_report *report) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    expect_row(report, rules[i], "steps", BOREL_HOLDS, "looked");
}

Test(validate, nuts_keeps_its_claims) {
  borel_validate_report report = validate(PLUGINS "nuts.so", "nuts", (borel_args){0});
  expect_no_failure(&report);
  expect_rules(&report);
  expect_row(&report, "preserves the target", "orbit", BOREL_HOLDS, "tolerance 1e-12");
  expect_row(&report, "reversible", "orbit", BOREL_HOLDS, "tolerance 1e-12");
  expect_row(&report, "leaves z", "steps", BOREL_HOLDS, "looked");
  cr_expect(report.count == sizeof rules / sizeof *rules + 3, "nothing is left untested");
  size_t states, orbits;
  const char *at = strstr(row_of(&report, "preserves the target", "orbit")->evidence, "at ");
  cr_assert(at && sscanf(at, "at %zu states of %zu orbits", &states, &orbits) == 2);
  cr_expect(orbits >= 200 && states >= 2 * orbits, "%zu states of %zu orbits", states, orbits);
  borel_validate_report_free(&report);
  cr_expect(!report.rows && !report.count);
}

Test(validate, random_walk_keeps_its_claims) {
  borel_validate_report report = validate(PLUGINS "random-walk.so", "random-walk", (borel_args){0});
  expect_no_failure(&report);
  expect_rules(&report);
  expect_row(&report, "preserves the target", "matrix", BOREL_HOLDS, "tolerance 1e-12");
  expect_row(&report, "reversible", "matrix", BOREL_HOLDS, "tolerance 1e-12");
  expect_row(&report, "ergodic", "matrix", BOREL_HOLDS, "every point leads to every other");
  expect_row(&report, "reversible", "pairs", BOREL_HOLDS, "law = normal, move = u");
  expect_row(&report, "ergodic", "-", BOREL_NOT_TESTED, "law = normal, move = u");
  borel_validate_report_free(&report);
}

/* The same contract under other flows, and lattices in the place of continuous laws. */
Test(validate, kernels_keep_their_claims) {
  static const struct {
    const char *file, *name, *method;
    size_t untested;
  } kernels[] = {{"hmc", "hmc", "orbit", 0},
                 {"hmc", "mala", "orbit", 0},
                 {"microcanonical", "microcanonical", "isokinetic", 0},
                 {"elliptical-slice", "elliptical-slice", "ellipse", 0},
                 {"slice", "slice", "matrix", 2}};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    char path[300];
    snprintf(path, sizeof path, "%s%s.so", PLUGINS, kernels[i].file);
    borel_validate_report report = validate(path, kernels[i].name, (borel_args){0});
    expect_no_failure(&report);
    expect_rules(&report);
    expect_row(&report, "preserves the target", kernels[i].method, BOREL_HOLDS, "tolerance 1e-12");
    expect_row(&report, "leaves z", "steps", BOREL_HOLDS, "looked");
    size_t untested = 0;
    for (size_t r = 0; r < report.count; r++) untested += report.rows[r].verdict == BOREL_NOT_TESTED;
    cr_expect(untested == kernels[i].untested, "%s: %zu rows are not tested", kernels[i].name, untested);
    borel_validate_report_free(&report);
  }
}

/* An orbit on laplace where a state of weight w is left for one of 1e-6 w with probability 1e-9, the
 * complement of one near 1: off by a rounding error of 1, which is 7e-12 of the lighter weight. */
Test(validate, probabilities_that_are_complements_may_be_rounded) {
  borel_arg args[] = {{.name = "metric", .kind = BOREL_ARG_TEXT, .text = "low_rank"},
                      {.name = "max_energy_error", .kind = BOREL_ARG_NUMBER, .number = 1000}};
  borel_validate_report report = validate(PLUGINS "nuts.so", "nuts", (borel_args){args, 2});
  expect_no_failure(&report);
  expect_row(&report, "preserves the target", "orbit", BOREL_HOLDS, "tolerance 1e-12 beyond rounding (");
  borel_validate_report_free(&report);
}

Test(validate, given_parameters_are_kept) {
  borel_arg args[] = {{.name = "law", .kind = BOREL_ARG_TEXT, .text = "three_point"},
                      {.name = "move", .kind = BOREL_ARG_TEXT, .text = "u"}};
  borel_validate_report report = validate(PLUGINS "random-walk.so", "random-walk", (borel_args){args, 2});
  expect_no_failure(&report);
  expect_row(&report, "preserves the target", "matrix", BOREL_HOLDS,
             "over 3 matrices"); /* those with u alone */
  cr_expect(!row_of(&report, "reversible", "pairs"));
  borel_validate_report_free(&report);
}

Test(validate, parameters_that_make_no_kernel_are_an_error) {
  borel_arg bad = {.name = "stpe", .kind = BOREL_ARG_NUMBER, .number = 1};
  borel_error error = {0};
  borel_validate_report report;
  const borel_component *walk = find(PLUGINS "random-walk.so", "random-walk");
  cr_expect(borel_validate_kernel(walk, (borel_args){&bad, 1}, &report, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "did you mean step?"), "%s", error.message);
  cr_expect(!report.rows && !report.count);
}

Test(validate, says_the_same_each_time) {
  borel_validate_report a = validate(PLUGINS "random-walk.so", "random-walk", (borel_args){0});
  borel_validate_report b = validate(PLUGINS "random-walk.so", "random-walk", (borel_args){0});
  cr_assert(a.count == b.count);
  for (size_t i = 0; i < a.count; i++) cr_expect_str_eq(a.rows[i].evidence, b.rows[i].evidence);
  borel_validate_report_free(&a);
  borel_validate_report_free(&b);
}

/* ---- good kernels of other forms ------------------------------------------------------------- */

Test(validate, lets_langevin_proposals_pass) {
  borel_validate_report report = validate(TEST_PLUGINS "right_kernel.so", "right-mala", (borel_args){0});
  expect_no_failure(&report);
  expect_row(&report, "reversible", "pairs", BOREL_HOLDS, "over 120 pairs");
  expect_row(&report, "preserves the target", "pairs", BOREL_HOLDS, "it is reversible");
  borel_validate_report_free(&report);
}

/* Its forward steps alone keep no weight; both signs of the momentum together do. */
Test(validate, lets_steps_of_fixed_length_pass) {
  borel_validate_report report = validate(TEST_PLUGINS "right_kernel.so", "right-hmc", (borel_args){0});
  expect_no_failure(&report);
  expect_row(&report, "preserves the target", "orbit", BOREL_HOLDS, "orbits");
  expect_row(&report, "reversible", "orbit", BOREL_HOLDS, "orbits");
  borel_validate_report_free(&report);
}

Test(validate, never_says_holds_without_a_check) {
  borel_validate_report report = validate(TEST_PLUGINS "right_kernel.so", "right-idle", (borel_args){0});
  expect_row(&report, "preserves the target", "-", BOREL_NOT_TESTED, "there is no exact check");
  expect_row(&report, "reversible", "-", BOREL_NOT_TESTED, "no exact check applies");
  expect_row(&report, "ergodic", "steps", BOREL_FAILS, "no step of 5 chains moved");
  borel_validate_report_free(&report);
  report = validate(TEST_PLUGINS "right_kernel.so", "right-scan", (borel_args){0});
  expect_no_failure(&report);
  expect_row(&report, "preserves the target", "matrix", BOREL_NOT_TESTED, "depend on its state");
  borel_validate_report_free(&report);
}

/* ---- bad kernels ----------------------------------------------------------------------------- */

static void expect_noticed(const char *name, const char *claim, const char *method, const char *text) {
  borel_validate_report report = validate(TEST_PLUGINS "wrong_kernel.so", name, (borel_args){0});
  cr_expect(borel_validate_report_failures(&report) > 0);
  expect_row(&report, claim, method, BOREL_FAILS, text);
  borel_validate_report_free(&report);
}

Test(validate, notices_a_kernel_that_ignores_the_density) {
  expect_noticed("wrong-wander", "preserves the target", "matrix", "a step ends outside the support");
  expect_noticed("wrong-wander", "reversible", "matrix", "max |pi_x K_xy - pi_y K_yx| = 1.0e-01 on P1");
}

Test(validate, notices_a_proposal_that_is_never_refused) {
  expect_noticed("wrong-langevin", "reversible", "pairs", "detailed balance differs by at most");
}

Test(validate, notices_randomness_and_memory_of_its_own) {
  expect_noticed("wrong-hidden", "deterministic", "steps", "a second run of the same steps differs");
  expect_noticed("wrong-scratch", "scratch carries nothing", "steps", "other bytes in scratch");
}

Test(validate, notices_a_step_that_tunes) {
  expect_noticed("wrong-tuning", "tuning is frozen in a step", "steps", "changes the tuning");
}

Test(validate, notices_a_swallowed_error) {
  expect_noticed("wrong-swallow", "withstands failures", "steps", "does not come back from the step");
}

Test(validate, notices_info_that_is_never_said) {
  expect_noticed("wrong-silent", "leaves a true point", "steps", "info field accept unset");
}

Test(validate, notices_moves_of_z_by_a_kernel_that_leaves_z) {
  expect_noticed("wrong-restless", "leaves z", "steps",
                 "a step changes z; on mixed pair with defaults, step 0");
}

Test(validate, notices_moves_of_u_by_a_kernel_that_leaves_u) {
  expect_noticed("wrong-drifting", "leaves u", "steps",
                 "a step changes u; on mixed pair with defaults, step 0");
}

Test(validate, notices_a_check_that_is_not_possible) {
  expect_noticed("wrong-silent", "preserves the target", "orbit", "needs tuning fields scale");
  expect_noticed("wrong-odds", "preserves the target", "matrix", "bernoulli: p is 1.2");
}

Test(validate, survives_a_crash) {
  expect_noticed("wrong-crash", "comes back", "-", "it crashed during steps on banana with defaults");
  expect_noticed("wrong-leave", "comes back", "-",
                 "it ended the process during steps on banana with defaults");
}

/* ---- finite programs ------------------------------------------------------------------------- */

/* A program returns an outcome and multiplies *weight by its factors. */
typedef size_t (*program)(borel_rng *, double *weight);

static void expect_measure(program run, const double *exact, size_t n, double total) {
  borel_error error = {0};
  borel_enumeration e;
  double measure[16] = {0}, sum = 0;
  borel_enumerate_begin(&e, 0, &error);
  while (borel_enumerate_next(&e)) {
    double weight = 1;
    size_t outcome = run(borel_enumerate_rng(&e), &weight);
    measure[outcome] += weight * borel_enumerate_probability(&e);
  }
  cr_assert(e.rng.status == BOREL_OK, "%s", error.message);
  borel_enumerate_end(&e);
  for (size_t k = 0; k < n; k++) {
    cr_expect_float_eq(measure[k], exact[k], 1e-15, "outcome %zu: %.17g, not %.17g", k, measure[k], exact[k]);
    sum += measure[k];
  }
  cr_expect_float_eq(sum, total, 1e-15);
}

static size_t coins(borel_rng *rng, double *weight) {
  int x = rng->ops->bernoulli(rng, 1.0 / 3), y = rng->ops->bernoulli(rng, x ? 0.75 : 0.25);
  *weight *= y ? 2 : 0.5;
  return (size_t)(2 * x + y);
}

static size_t rain(borel_rng *rng, double *weight) {
  int r = rng->ops->bernoulli(rng, 0.3);
  if (r) *weight *= 0.2;
  if (rng->ops->bernoulli(rng, r ? 0.1 : 0.4)) *weight *= 0.1;
  return (size_t)r;
}

/* L0, L1, L2, R00, R01, R10, R11 */
static size_t branches(borel_rng *rng, double *weight) {
  static const double p[] = {0.2, 0.5, 0.3}, factors[] = {1, 3, 0.5};
  if (rng->ops->bernoulli(rng, 0.3)) {
    size_t c = rng->ops->categorical(rng, p, 3);
    *weight *= factors[c];
    return c;
  }
  int d = rng->ops->bernoulli(rng, 0.6), e = rng->ops->bernoulli(rng, d ? 0.9 : 0.2);
  *weight *= e ? 2 : 0.25;
  return (size_t)(3 + 2 * d + e);
}

static size_t impossible(borel_rng *rng, double *weight) {
  uint64_t x = rng->ops->uniform_int(rng, 4);
  *weight *= x % 2 == 0;
  int y = rng->ops->bernoulli(rng, 0.5);
  *weight *= x == 0 || y == 1;
  return 2 * x + (size_t)y;
}

/* The measures are products and sums of the numbers above, by hand. */
Test(programs, have_their_exact_measures) {
  expect_measure(coins, (const double[]){1.0 / 4, 1.0 / 3, 1.0 / 24, 1.0 / 2}, 4, 9.0 / 8);
  expect_measure(rain, (const double[]){56.0 / 125, 273.0 / 5000}, 2, 2513.0 / 5000);
  expect_measure(
      branches,
      (const double[]){3.0 / 50, 9.0 / 20, 9.0 / 200, 7.0 / 125, 14.0 / 125, 21.0 / 2000, 189.0 / 250}, 7,
      2979.0 / 2000);
  expect_measure(impossible, (const double[]){0.125, 0.125, 0, 0, 0, 0.125, 0, 0}, 8, 0.375);
}
