/* SPDX-License-Identifier: MIT
 * Involutions of plugins: what the host refuses, log-Jacobians by differences, and that each fault fails the
 * row of its claim. */
#include "core/error.h"
#include "host/component.h"
#include "host/involution.h"
#include "host/registry.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define FILE_OF_TESTS BOREL_BUILD_DIR "/tests/plugins/involution.so"

static const borel_component *component_of(const char *path, const char *name) {
  static borel_registry *registry;
  borel_error error = {0};
  if (!registry) cr_assert(borel_registry_create("", NULL, &registry, &error) == BOREL_OK);
  cr_assert(borel_registry_add(registry, path, &error) == BOREL_OK, "%s", error.message);
  const borel_component *found = borel_registry_find(registry, "involution", name, &error);
  cr_assert(found, "%s", error.message);
  return found;
}

static borel_involution *make(const char *name) {
  borel_involution *involution;
  borel_error error = {0};
  cr_assert(borel_involution_create(component_of(FILE_OF_TESTS, name), (borel_args){0}, &involution,
                                    &error) == BOREL_OK,
            "%s", error.message);
  return involution;
}

/* ---- the host -------------------------------------------------------------------------------- */

Test(involution, maps_there_and_back) {
  borel_involution *split = make("split");
  borel_error error = {0};
  double out[3], back[3], in[] = {0, 3, 0.5};
  cr_assert(split->side_count == 2 && split->sides[0].size == 3 && split->sides[1].size == 3);
  cr_assert(split->sides[0].continuous == 2 && split->sides[1].continuous == 2);
  cr_assert(borel_involution_map(split, 0, in, out, &error) == BOREL_OK);
  cr_expect(out[0] == 1 && out[1] == 3 * exp(-1) && out[2] == exp(1));
  cr_assert(borel_involution_map(split, 1, out, back, &error) == BOREL_OK);
  cr_expect(fabs(back[1] - 3) <= 1e-15 * 3 && back[2] == 0.5 && back[0] == 0);
  cr_expect(borel_involution_map(split, 1, in, out, &error) == BOREL_REJECT);
  borel_involution_destroy(split);
}

/* d(a e^(-2 v), e^(2 v)) / d(a, v) = 2 everywhere, whether v is large or small; differences say how well. */
Test(involution, log_jacobians_by_differences_are_within_their_doubt) {
  borel_involution *split = make("split");
  borel_error error = {0};
  for (double v = -5; v <= 5; v += 0.25) {
    double out[3], value, doubt, in[] = {0, 1 - v, v};
    cr_assert(borel_involution_log_jacobian(split, 0, in, &value, &doubt, &error) == BOREL_OK, "%s",
              error.message);
    cr_expect(fabs(value - log(2)) <= 10 * doubt + 1e-12 && doubt < 1e-8, "v = %g: %g, %g", v, value - log(2),
              doubt);
    cr_assert(borel_involution_map(split, 0, in, out, &error) == BOREL_OK);
    cr_assert(borel_involution_log_jacobian(split, 1, out, &value, &doubt, &error) == BOREL_OK);
    cr_expect(fabs(value + log(2)) <= 10 * doubt + 1e-12 && doubt < 1e-8, "back, v = %g: %g, %g", v,
              value + log(2), doubt);
  }
  borel_involution_destroy(split);
}

static borel_status triangular(const void *self, uint32_t side, const double *in, double *out,
                               borel_error *error) {
  (void)self, (void)side, (void)error;
  for (int i = 0; i < 6;
       i++) { /* below the diagonal of a permuted matrix, with a determinant that is known */
    out[(i * 5 + 1) % 6] = (i + 2) * in[i];
    for (int j = 0; j < i; j++) out[(i * 5 + 1) % 6] += sin(i + j) * in[j];
  }
  return BOREL_OK;
}

/* The determinant of a row-permuted triangular matrix is the product of its diagonal, 7!. */
Test(involution, determinants_need_pivots) {
  static const borel_field six[] = {{.name = "x", .dim = {6}}, {0}};
  const borel_component *like = component_of(FILE_OF_TESTS, "split");
  borel_involution_ops ops = *(const borel_involution_ops *)make("split")->ops;
  borel_component component = *like;
  borel_involution *involution;
  borel_error error = {0};
  double value, doubt, in[] = {1, -2, 0.5, 3, 0, 1};
  ops.size = sizeof ops;
  ops.trace[0] = six;
  ops.trace[1] = ops.auxiliary[0] = NULL;
  ops.map = triangular;
  component.ops = &ops;
  cr_assert(borel_involution_create(&component, (borel_args){0}, &involution, &error) == BOREL_OK);
  cr_assert(involution->side_count == 1);
  cr_assert(borel_involution_log_jacobian(involution, 0, in, &value, &doubt, &error) == BOREL_OK);
  cr_expect(fabs(value - log(5040)) <= 10 * doubt + 1e-12, "%.17g, %g", value - log(5040), doubt);
  borel_involution_destroy(involution);
}

static void refused(const borel_component *component, borel_status expected, const char *text) {
  borel_involution *involution = NULL;
  borel_error error = {0};
  borel_status status = borel_involution_create(component, (borel_args){0}, &involution, &error);
  cr_expect(status == expected && !involution && strstr(error.message, text), "expected \"%s\" in: %s", text,
            error.message);
}

Test(involution, the_host_refuses_what_are_no_involutions) {
  static const borel_field three[] = {{.name = "x", .dim = {3}}, {0}},
                           point[] = {{.name = "x", .dim = {-1}}, {0}},
                           vast[] = {{.name = "x", .dim = {2147483647, 2147483647, 2147483647}}, {0}};
  borel_error error = {0};
  const borel_component *split = component_of(FILE_OF_TESTS, "split");
  borel_component component = *split;
  borel_involution_ops ops = {0};
  memcpy(&ops, split->ops, *(const uint32_t *)split->ops);
  component.ops = &ops;
  ops.trace[1] = three;
  refused(&component, BOREL_ARG, "split: side 0 has 2 continuous numbers, side 1 has 3");
  ops.trace[1] = point;
  refused(&component, BOREL_ARG, "split: field x: its extents are constants or parameters");
  ops.trace[1] = vast;
  refused(&component, BOREL_ARG, "split: field x: too many elements");
  ops.map = NULL;
  cr_expect(borel_component_check(&component, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "lacks the op map, which kind involution/1 requires"), "%s", error.message);
  ops.size = offsetof(borel_involution_ops, map);
  cr_expect(borel_component_check(&component, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "but kind involution/1 needs"), "%s", error.message);
}

/* ---- validation ------------------------------------------------------------------------------ */

/* Exactly the rows in `claims` (separated by '|') fail, and the first says `text`. */
static void expect_failure(const char *fault, const char *claims, const char *text) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = fault};
  borel_validate_report report;
  borel_error error = {0};
  size_t failures = 0, wanted = *claims ? 1 : 0;
  for (const char *c = claims; *c; c++) wanted += *c == '|';
  cr_assert(borel_validate_involution(component_of(FILE_OF_TESTS, "wrong-involution"), (borel_args){&arg, 1},
                                      &report, &error) == BOREL_OK);
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    if (row->verdict != BOREL_FAILS) continue;
    cr_expect(strstr(claims, row->claim), "%s: %s fails: %s", fault, row->claim, row->evidence);
    if (!failures++) cr_expect(strstr(row->evidence, text), "%s: %s", fault, row->evidence);
  }
  cr_expect(failures == wanted, "%s: %zu rows fail", fault, failures);
  borel_validate_report_free(&report);
}

Test(validate_involution, a_right_one_passes) { expect_failure("none", "", ""); }
Test(validate_involution, notices_a_map_that_does_not_come_back) {
  expect_failure("shift", "is its own inverse", "side 0: applied twice: off by ");
  expect_failure("no_way_back", "is its own inverse", "the map does not apply to what it has made");
}
Test(validate_involution, notices_a_wrong_log_jacobian) {
  expect_failure("jacobian", "log-Jacobian", "side 0: stated and by differences: off by 6.9e-01");
  expect_failure("half", "log-Jacobian|preserves the measure", "side 1: stated and by differences");
  expect_failure("flat", "is its own inverse|log-Jacobian", "applied twice");
}
Test(validate_involution, notices_numbers_that_are_none) {
  expect_failure("nan", "returns what it may", "its map makes");
  expect_failure("fraction", "returns what it may", "its map makes 0.5 of 'two', which is declared as whole");
  expect_failure("unset", "returns what it may|is its own inverse", "of 'v'; return BOREL_REJECT");
}
Test(validate_involution, notices_statuses_that_are_none) {
  expect_failure("noisy", "returns what it may", "it returns REJECT and an error");
  expect_failure("fails", "returns what it may", "map gives code 4");
}
Test(validate_involution, notices_what_is_not_determined) {
  expect_failure("counter", "deterministic", "the same numbers give another answer");
}
Test(validate_involution, survives_a_crash) {
  expect_failure("crash", "comes back", "it crashed during maps of side 0");
}

/* Where the map applies nowhere, nothing holds: it was not tested. */
Test(validate_involution, says_what_it_could_not_test) {
  borel_arg arg = {.name = "fault", .kind = BOREL_ARG_TEXT, .text = "never"};
  borel_validate_report report;
  borel_error error = {0};
  size_t untested = 0;
  cr_assert(borel_validate_involution(component_of(FILE_OF_TESTS, "wrong-involution"), (borel_args){&arg, 1},
                                      &report, &error) == BOREL_OK);
  for (size_t i = 0; i < report.count; i++)
    untested +=
        report.rows[i].verdict == BOREL_NOT_TESTED && strstr(report.rows[i].evidence, "give it the op draw");
  cr_expect(untested == 4, "%zu", untested);
  borel_validate_report_free(&report);
}
