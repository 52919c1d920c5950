/* SPDX-License-Identifier: MIT */
#include "validate/null_law.h"
#include "validate/sampling.h"

#include <math.h>

enum { SLOTS = BOREL_RANK_SLOTS, CUTS = SLOTS - 1 + SLOTS / 2 - 1 };

typedef struct {
  size_t count; /* of statistics */
  double exact[BOREL_STATISTICS];
  size_t below[BOREL_STATISTICS], tied[BOREL_STATISTICS];
} ranks;

/* `slots` more of them, from where the point is. */
static borel_status walk(borel_frozen *f, borel_rng *rng, size_t slots, ranks *r) {
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < slots && status == BOREL_OK; i++) {
    double value[BOREL_STATISTICS];
    status = borel_frozen_steps(f, rng, BOREL_RANK_STEPS);
    borel_frozen_statistics(f, value);
    for (size_t t = 0; t < r->count; t++) {
      r->below[t] += value[t] < r->exact[t];
      r->tied[t] += value[t] == r->exact[t];
    }
  }
  return status;
}

/* Run i: adds 1 to histogram[t][rank of the exact draw]. */
static borel_status one_run(borel_sampling *s, size_t round, size_t i,
                            size_t histogram[BOREL_STATISTICS][SLOTS], size_t *count) {
  borel_frozen *f = &s->frozen;
  borel_philox_rng draws, steps;
  ranks r = {0};
  borel_frozen_rng(f, &draws, "rank", round, i);
  borel_frozen_draw(f, &draws.rng);
  *count = r.count = borel_frozen_statistics(f, r.exact);
  size_t back = draws.rng.ops->uniform_int(&draws.rng, SLOTS);
  borel_frozen_rng(f, &steps, "steps", round, i);
  borel_status status = walk(f, &steps.rng, back, &r);
  s->moves += (size_t)borel_frozen_moved(f);
  borel_frozen_return(f);
  if (status == BOREL_OK) status = walk(f, &steps.rng, SLOTS - 1 - back, &r);
  for (size_t t = 0; t < r.count; t++)
    histogram[t][r.below[t] + draws.rng.ops->uniform_int(&draws.rng, r.tied[t] + 1)]++;
  return status;
}

/* CUTS times the smallest p-value. */
static double uniform_p(const size_t histogram[SLOTS], size_t n) {
  double smallest = 1;
  size_t low = 0, middle = 0;
  for (size_t j = 1; j < SLOTS; j++) {
    low += histogram[j - 1];
    smallest = fmin(smallest, borel_binomial_p(n, low, (double)j / SLOTS));
  }
  for (size_t j = 1; j < SLOTS / 2; j++) {
    middle += histogram[SLOTS / 2 - j] + histogram[SLOTS / 2 + j - 1];
    smallest = fmin(smallest, borel_binomial_p(n, middle, 2.0 * (double)j / SLOTS));
  }
  return CUTS * smallest;
}

double borel_rank_test(void *self, size_t round, size_t n) {
  borel_sampling *s = self;
  size_t histogram[BOREL_STATISTICS][SLOTS] = {{0}}, count = 0;
  double smallest = INFINITY;
  s->status = BOREL_OK;
  s->moves = 0;
  for (size_t i = 0; i < n && s->status == BOREL_OK; i++) s->status = one_run(s, round, i, histogram, &count);
  for (size_t t = 0; t < count && s->status == BOREL_OK; t++) {
    double p = uniform_p(histogram[t], n);
    if (round == 1 && t == 0) s->p = p;
    if (p < smallest) smallest = p, s->worst = t;
  }
  return s->status == BOREL_OK ? fmin(1, (double)count * smallest) : NAN;
}

/* As borel_two_sample_effect, with the limits 2 exp(-2 n D^2) of one mean of n. */
double borel_rank_effect(double alpha, size_t n) {
  double reject, doubt, missed = log(2e6), tests = CUTS * BOREL_STATISTICS;
  borel_sequential_levels(alpha, &reject, &doubt);
  double twice = 2 * (double)n, more = twice * BOREL_ROUND_GROWTH;
  double first = sqrt(log(2 * tests / doubt) / twice) + sqrt(missed / twice);
  double second = sqrt(log(2 * tests / (reject / doubt)) / more) + sqrt(missed / more);
  return fmax(first, second);
}
