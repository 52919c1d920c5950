/* SPDX-License-Identifier: MIT */
#include "host/difference.h"

#include <math.h>

enum { LEVELS = 9 };

double borel_difference(double (*f)(void *context, double x), void *context, double x, double *error) {
  return borel_difference_from(f, context, x, 0.25 * fmax(1, fabs(x)), error);
}

double borel_difference_from(double (*f)(void *context, double x), void *context, double x, double distance,
                             double *error) {
  double table[LEVELS][LEVELS], best = NAN;
  *error = INFINITY;
  for (int i = 0; i < LEVELS; i++, distance /= 2) {
    /* what is really between the two: x + distance is rounded */
    volatile double above = x + distance, below = x - distance;
    table[i][0] = (f(context, above) - f(context, below)) / (above - below);
    double power = 4;
    for (int k = 1; k <= i; k++, power *= 4) {
      table[i][k] = table[i][k - 1] + (table[i][k - 1] - table[i - 1][k - 1]) / (power - 1);
      double differs = fmax(fabs(table[i][k] - table[i][k - 1]), fabs(table[i][k] - table[i - 1][k - 1]));
      if (!(differs < *error)) continue;
      *error = differs;
      best = table[i][k];
    }
  }
  return best;
}
