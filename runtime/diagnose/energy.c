/* SPDX-License-Identifier: MIT
 *
 * E-BFMI: how much of the spread of the energy one momentum resampling covers. */
#include "diagnose/diagnose.h"

#include <math.h>

double borel_ebfmi(const double *energy, size_t draws) {
  if (draws < 4) return NAN;
  double steps = 0;
  for (size_t i = 1; i < draws; i++) steps += (energy[i] - energy[i - 1]) * (energy[i] - energy[i - 1]);
  return steps / (double)(draws - 1) / borel_diagnose_variance(energy, draws);
}
