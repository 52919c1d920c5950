/* SPDX-License-Identifier: MIT */
#include "support/differences.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 10 };
static const double FIRST_STEP = 0.02, SHRINK = 1.4;

/* The best entry of Neville's table over the differences column[j], of step FIRST_STEP / SHRINK^j. */
static difference extrapolate(const double *column) {
  double table[ROWS][ROWS];
  difference best = {column[0], INFINITY};
  for (int j = 0; j < ROWS; j++) {
    table[j][0] = column[j];
    double power = SHRINK * SHRINK;
    for (int m = 1; m <= j; m++, power *= SHRINK * SHRINK) {
      table[j][m] = (table[j][m - 1] * power - table[j - 1][m - 1]) / (power - 1);
      double error = fmax(fabs(table[j][m] - table[j][m - 1]), fabs(table[j][m] - table[j - 1][m - 1]));
      if (error < best.error) best = (difference){table[j][m], error};
    }
  }
  return best;
}

void differences(engines *e, size_t program, size_t output, void *const *inputs, double *x, size_t count,
                 difference *out) {
  double *at = malloc(count * sizeof *at), *high = malloc(count * sizeof *high),
         *column = malloc(count * ROWS * sizeof *column), step = FIRST_STEP;

  memcpy(at, x, count * sizeof *at);
  for (int j = 0; j < ROWS; j++, step /= SHRINK) {
    for (size_t i = 0; i < count; i++) x[i] = at[i] + step;
    engines_run(e, program, INTERPRETED, inputs);
    memcpy(high, engines_output(e, program, output), count * sizeof *high);
    for (size_t i = 0; i < count; i++) x[i] = at[i] - step;
    engines_run(e, program, INTERPRETED, inputs);
    const double *low = engines_output(e, program, output);
    for (size_t i = 0; i < count; i++) column[i * ROWS + (size_t)j] = (high[i] - low[i]) / (2 * step);
  }
  for (size_t i = 0; i < count; i++) out[i] = extrapolate(column + i * ROWS);
  memcpy(x, at, count * sizeof *at);
  free(at);
  free(high);
  free(column);
}

void partial_differences(engines *e, size_t program, size_t output, void *const *inputs, double *x,
                         size_t count, difference *out) {

  for (size_t i = 0; i < count; i++) {
    double column[ROWS], at = x[i], step = FIRST_STEP;
    for (int j = 0; j < ROWS; j++, step /= SHRINK) {
      x[i] = at + step;
      engines_run(e, program, INTERPRETED, inputs);
      double high = *(const double *)engines_output(e, program, output);
      x[i] = at - step;
      engines_run(e, program, INTERPRETED, inputs);
      column[j] = (high - *(const double *)engines_output(e, program, output)) / (2 * step);
    }
    x[i] = at;
    out[i] = extrapolate(column);
  }
}
