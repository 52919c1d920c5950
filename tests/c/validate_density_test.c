/* SPDX-License-Identifier: MIT
 * The validation of densities: lets the good ones pass and notices each broken rule. */
#include "host/difference.h"
#include "host/plugin.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define WRONG BOREL_BUILD_DIR "/tests/plugins/wrong_density.so"

static borel_validate_report validate(const char *path, borel_args args) {
  borel_error error = {0};
  const borel_plugin *plugin;
  borel_validate_report report;
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  borel_status status = borel_validate_density(plugin->components[0], args, &report, &error);
  cr_assert(status == BOREL_OK && report.count > 0, "%s", error.message);
  return report;
}

/* Exactly the rules in `claims` (separated by '|') fail, and the first says `text`. */
static void expect_failure(const char *fault, const char *claims, const char *text) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = fault};
  borel_validate_report report = validate(WRONG, (borel_args){&arg, 1});
  size_t failures = 0;
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    if (row->verdict != BOREL_FAILS) continue;
    cr_expect(strstr(claims, row->claim), "%s: %s fails: %s", fault, row->claim, row->evidence);
    if (!failures++) cr_expect(strstr(row->evidence, text), "%s: %s", fault, row->evidence);
  }
  cr_expect(failures > 0 || !*claims, "%s passes", fault);
  borel_validate_report_free(&report);
}

Test(validate_density, gaussian_passes_with_its_lists_filled_in) {
  borel_validate_report report = validate(BOREL_BUILD_DIR "/plugins/density/gaussian.so", (borel_args){0});
  cr_expect(borel_validate_report_failures(&report) == 0);
  for (size_t i = 0; i < report.count; i++)
    cr_expect(report.rows[i].verdict == BOREL_HOLDS, "%s: %s", report.rows[i].claim, report.rows[i].evidence);
  borel_validate_report_free(&report);
}

Test(validate_density, a_right_density_passes) { expect_failure("none", "", ""); }
Test(validate_density, notices_a_layout_with_a_gap) {
  expect_failure("layout", "has a true layout", "its sites have 1 and 0 coordinates, its layout 2 and 0");
}
Test(validate_density, notices_a_gradient_that_is_wrong_by_1e_5) {
  expect_failure("slope", "gradient is the slope", "differences of the log-density give");
}
Test(validate_density, notices_two_numbers_for_one_density) {
  expect_failure("numbers", "two functions, one number", "at the same point");
}
Test(validate_density, notices_memory_of_earlier_calls) {
  expect_failure("counter",
                 "two functions, one number|gradient is the slope|deterministic|serves many threads at once",
                 "at the same point");
}
Test(validate_density, notices_numbers_made_of_scratch) {
  expect_failure("scratch", "deterministic|serves many threads at once", "other bytes in scratch");
}
Test(validate_density, notices_threads_that_disturb_each_other) {
  expect_failure("shared", "serves many threads at once", "several threads");
}
Test(validate_density, notices_infinite_densities) {
  expect_failure("infinite", "returns what it may", "+inf at u[0] = 100");
}
Test(validate_density, notices_errors_at_the_edge_of_the_support) {
  expect_failure("error_on_reject", "returns what it may", "outside the support is no error");
}
Test(validate_density, notices_numbers_made_of_nan) {
  expect_failure("swallows_nan", "returns what it may", "a coordinate is NaN");
}
Test(validate_density, notices_that_no_chain_could_start) {
  expect_failure("nowhere", "has a place to start", "finite at none of 100 points");
}
Test(validate_density, survives_a_crash) { expect_failure("crash", "comes back", "crashed during"); }

static double cosine(void *context, double x) {
  (void)context;
  return cos(x);
}

static double kink(void *context, double x) {
  (void)context;
  return fabs(x);
}

/* Central differences have the rounding eps |f| / h; at the best h of nine halvings of 1/4 that is 1e-14. */
Test(difference, is_a_derivative_or_says_that_it_is_none) {
  double error;
  for (double x = -3; x <= 3; x += 0.5) {
    double slope = borel_difference(cosine, NULL, x, &error);
    cr_expect(fabs(slope + sin(x)) <= 1e-11, "%g: %g", x, slope + sin(x));
    cr_expect(error <= 1e-9, "%g: %g", x, error);
  }
  borel_difference(kink, NULL, 1e-3, &error);
  cr_expect(error > 1e-3, "%g", error);
}
