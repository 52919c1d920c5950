/* SPDX-License-Identifier: MIT */
#include "validate/sequential.h"

#include <math.h>

/* With beta = alpha / k, gamma = beta^(1/k): round i rejects below beta gamma^(1 - i) and is reached with
 * probability at most gamma^(i - 1), so each of the k rounds adds beta at most. */
void borel_sequential_levels(double alpha, double *reject, double *doubt) {
  *reject = alpha / BOREL_ROUNDS;
  *doubt = pow(*reject, 1.0 / BOREL_ROUNDS);
}

borel_sequence borel_sequential(double alpha, size_t n, double (*test)(void *self, size_t round, size_t n),
                                void *self) {
  borel_sequence s = {.n = n};
  double beta, gamma;
  borel_sequential_levels(alpha, &beta, &gamma);
  while (s.round < BOREL_ROUNDS) {
    s.round++;
    s.q = test(self, s.round, s.n);
    s.rejected = s.q <= beta;
    /* What goes on is reached with probability gamma, as the rejected part is not a part of it. */
    if (s.rejected || !(s.q <= gamma + beta)) break;
    beta /= gamma;
    if (s.round == 1) s.n *= BOREL_ROUND_GROWTH;
  }
  return s;
}
