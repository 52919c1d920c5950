/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "validate/null_law.h"
#include "validate/sampling.h"

#include <math.h>
#include <stdlib.h>

/* Pair i of the round after some steps, and another exact one. */
static borel_status draw_both(borel_sampling *s, size_t round, size_t i, double after[BOREL_STATISTICS],
                              double exact[BOREL_STATISTICS], size_t *count) {
  borel_frozen *f = &s->frozen;
  borel_philox_rng rng;
  borel_frozen_rng(f, &rng, "exact", round, i);
  borel_frozen_draw(f, &rng.rng);
  *count = borel_frozen_statistics(f, exact);
  borel_frozen_rng(f, &rng, "start", round, i);
  borel_frozen_draw(f, &rng.rng);
  borel_frozen_rng(f, &rng, "steps", round, i);
  borel_status status = borel_frozen_steps(f, &rng.rng, BOREL_TWO_SAMPLE_STEPS);
  s->moves += (size_t)borel_frozen_moved(f);
  borel_frozen_statistics(f, after);
  return status;
}

double borel_two_sample(void *self, size_t round, size_t n) {
  borel_sampling *s = self;
  size_t count = 1;
  double *columns = malloc(2 * BOREL_STATISTICS * n * sizeof *columns), smallest = INFINITY;
  double *after = columns, *exact = columns + BOREL_STATISTICS * n;
  s->status =
      columns ? BOREL_OK : borel_fail(&s->frozen.rig.error, BOREL_INTERNAL, "no memory for %zu pairs", n);
  s->moves = 0;
  for (size_t i = 0; i < n && s->status == BOREL_OK; i++) {
    double a[BOREL_STATISTICS], b[BOREL_STATISTICS];
    s->status = draw_both(s, round, i, a, b, &count);
    for (size_t t = 0; t < count; t++) after[t * n + i] = a[t], exact[t * n + i] = b[t];
  }
  for (size_t t = 0; t < count && s->status == BOREL_OK; t++) {
    double p = borel_smirnov_p(n, borel_smirnov(after + t * n, exact + t * n, n));
    if (round == 1 && t == 0) s->p = p;
    if (p < smallest) smallest = p, s->worst = t;
  }
  free(columns);
  return s->status == BOREL_OK ? fmin(1, (double)count * smallest) : NAN;
}

/* A difference d between the distribution functions shows at one value with an error above t with probability
 * exp(-n t^2) (Hoeffding, for the difference of two means of n). Round 1 must not pass it and round 2 must
 * reject it, each but for half of 1e-6; the limits are those of 2 exp(-n D^2), larger than the exact ones. */
double borel_two_sample_effect(double alpha, size_t n) {
  double reject, doubt, missed = log(2e6);
  borel_sequential_levels(alpha, &reject, &doubt);
  double first = sqrt(log(2 * BOREL_STATISTICS / doubt) / (double)n) + sqrt(missed / (double)n);
  double more = (double)n * BOREL_ROUND_GROWTH;
  double second = sqrt(log(2 * BOREL_STATISTICS / (reject / doubt)) / more) + sqrt(missed / more);
  return fmax(first, second);
}
