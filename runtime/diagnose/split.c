/* SPDX-License-Identifier: MIT
 *
 * Split chains: a chain that drifts disagrees with itself, which only its two halves can show. */
#include "diagnose/diagnose.h"

#include <math.h>
#include <string.h>

bool borel_diagnose_usable(const double *x, size_t chains, size_t draws) {
  if (chains == 0 || draws < 4) return false;
  for (size_t i = 0; i < chains * draws; i++)
    if (isnan(x[i])) return false;
  return true;
}

void borel_diagnose_split(const double *x, size_t chains, size_t draws, double *halves) {
  const size_t half = draws / 2;
  for (size_t c = 0; c < chains; c++) {
    const double *chain = x + c * draws;
    memcpy(halves + c * half, chain, half * sizeof *x);
    memcpy(halves + (chains + c) * half, chain + draws - half, half * sizeof *x);
  }
}
