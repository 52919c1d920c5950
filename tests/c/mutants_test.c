/* SPDX-License-Identifier: MIT
 * Every mutant, a component that is wrong on purpose (docs/validity.md), must fail the validation that the
 * component itself passes. Prints which row noticed which. */
#include "host/plugin.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANTS BOREL_BUILD_DIR "/mutants/"

static borel_validate_report validate(const char *path) {
  borel_error error = {0};
  const borel_plugin *plugin;
  borel_validate_report report;
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  const borel_component *component = plugin->components[0];
  int resamples = strcmp(component->kind, BOREL_RESAMPLER) == 0;
  borel_status status = (resamples ? borel_validate_resampler
                                   : borel_validate_kernel)(component, (borel_args){0}, &report, &error);
  cr_assert(status == BOREL_OK, "%s", error.message);
  return report;
}

/* The number at the end of <name>-<k>.so, and the length of <name>. */
static int number_of(const char *file, size_t *length) {
  const char *dash = strrchr(file, '-');
  *length = dash ? (size_t)(dash - file) : 0;
  return dash ? atoi(dash + 1) : 0;
}

static int by_name_and_number(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  size_t m, n;
  int i = number_of(x, &m), j = number_of(y, &n), order = strncmp(x, y, m < n ? m : n);
  return order ? order : m != n ? (m > n) - (m < n) : i - j;
}

static int is_noticed(const char *path) {
  borel_validate_report report = validate(path);
  const char *name = strrchr(path, '/') + 1;
  int failures = 0;
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    if (row->verdict != BOREL_FAILS) continue;
    printf("%-16.*s  %-28s %-7s %s\n", (int)(strlen(name) - 3), failures++ ? "    " : name, row->claim,
           row->method, row->evidence);
  }
  borel_validate_report_free(&report);
  return failures > 0;
}

Test(mutants, are_all_noticed) {
  glob_t found;
  cr_assert(glob(MUTANTS "*.so", 0, NULL, &found) == 0, "no mutants in " MUTANTS);
  qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name_and_number);
  size_t noticed = 0, length, before = 0;
  int number, last = 0;
  const char *previous = "";
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *path = found.gl_pathv[i];
    number = number_of(path, &length);
    int goes_on = length == before && !strncmp(path, previous, length);
    cr_expect(number == (goes_on ? last + 1 : 1), "%s: a number is missing before it", path);
    previous = path;
    before = length;
    last = number;
    int fails = is_noticed(path);
    cr_expect(fails, "%s passes the validation", path);
    noticed += (size_t)fails;
  }
  printf("FIGURE mutants %zu\nFIGURE mutants_noticed %zu\n", found.gl_pathc, noticed);
  cr_expect(found.gl_pathc >= 20, "only %zu mutants were built", found.gl_pathc);
  globfree(&found);
}
