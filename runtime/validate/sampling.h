/* SPDX-License-Identifier: MIT
 * The tests of the statistical tier. Each is a `test` of borel_sequential on a frozen kernel. */
#ifndef BOREL_VALIDATE_SAMPLING_H
#define BOREL_VALIDATE_SAMPLING_H

#include "validate/frozen.h"
#include "validate/sequential.h"

typedef struct {
  borel_frozen frozen;
  borel_status status; /* of the last step */
  size_t moves;        /* samples of the last round in which the kernel moved the point */
  size_t worst;        /* the statistic with the smallest p-value of the last round */
  double p;            /* p-value of the first statistic of round 1 */
} borel_sampling;

enum {
  BOREL_TWO_SAMPLE_STEPS = 5, /* of the kernel, from an exact draw */
  BOREL_RANK_SLOTS = 10,
  BOREL_RANK_STEPS = 2 /* between two slots */
};

/* n times parameters and data from the joint law and some steps, against n exact draws from the joint law:
 * when the steps preserve the density given the data, both have one law (Gandy and Scott 2020, section 3.1).
 * Smirnov's test of each statistic. `self` is a borel_sampling. */
double borel_two_sample(void *self, size_t round, size_t n);

/* n times ten points in a row of which a random one is an exact draw and the others come from it by steps, as
 * a reversible kernel looks the same in both directions: its rank among them is uniform (Gandy and Scott
 * 2020, section 3.2). Binomial tests of how often the rank is at most j, and within j of the middle. */
double borel_rank_test(void *self, size_t round, size_t n);

/* How large a difference of distribution functions is noticed, but for a probability of 1e-6, when n is that
 * of the first round and `alpha` that of borel_sequential. */
double borel_two_sample_effect(double alpha, size_t n);
double borel_rank_effect(double alpha, size_t n);

typedef struct {
  const char *name;
  double (*test)(void *self, size_t round, size_t n);
  double (*effect)(double alpha, size_t n);
  size_t n;       /* of the first round */
  uint32_t flags; /* that a kernel must claim */
  const char *what;
} borel_sampling_method;

enum { BOREL_SAMPLING_METHODS = 2 };
extern const borel_sampling_method borel_sampling_methods[BOREL_SAMPLING_METHODS];

/* One test of the suite: opens the kernel on the law and goes through the rounds from size n on. The result
 * counts when s->status is OK and borel_sampling_counts; call borel_frozen_close(&s->frozen) anyway. */
borel_sequence borel_sampling_run(borel_sampling *s, const borel_component *, borel_args,
                                  const borel_sampling_method *, const borel_joint *, uint64_t key, size_t n,
                                  double alpha);
/* Does the test say something: has it rejected, or did the kernel move often enough? */
int borel_sampling_counts(const borel_sampling *, const borel_sequence *);

#endif
