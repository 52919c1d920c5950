/* SPDX-License-Identifier: MIT
 * The enumerating source: runs a program once for each of its paths, so that what it computes is known
 * exactly (Scibior et al., POPL 2018; docs/validity.md).
 *
 *   borel_enumeration e;
 *   borel_enumerate_begin(&e, 0, &error);
 *   while (borel_enumerate_next(&e)) {
 *     outcome = program(borel_enumerate_rng(&e));
 *     measure[outcome] += borel_enumerate_probability(&e);   // compensated
 *   }
 *   if (e.rng.status != BOREL_OK) ...                         // a law without finite support, the budget,
 * ... borel_enumerate_end(&e);
 *
 * A choice with one possible outcome does not branch. Uniforms compared through unif_lt split their interval
 * at the cut. Normal, uniform, exponential, gamma, beta and poisson cannot be enumerated (status ARG): give
 * the program a law of finite support in their place. */
#ifndef BOREL_RANDOM_SOURCE_ENUMERATE_H
#define BOREL_RANDOM_SOURCE_ENUMERATE_H

#include "random/choice.h"
#include <borel/plugin.h>

#define BOREL_ENUMERATE_BUDGET (UINT64_C(1) << 22)

typedef struct {
  borel_law law;
  uint64_t parameters, chosen, arity;
} borel_branch;

/* Private but for rng and paths. */
typedef struct {
  borel_rng rng;
  uint64_t paths; /* begun so far */
  uint64_t budget;
  double probability, doubt;
  borel_branch *prefix;
  size_t depth, capacity; /* of prefix */
  size_t position;        /* choices made on this path */
} borel_enumeration;

/* `budget` paths at most; 0 means BOREL_ENUMERATE_BUDGET. Exceeding it is an ARG error with the count. */
void borel_enumerate_begin(borel_enumeration *, uint64_t budget, borel_error *error);
/* Starts the next path; 0 when all are done or after an error. INTERNAL when the program was not
 * deterministic given its choices. */
int borel_enumerate_next(borel_enumeration *);
borel_rng *borel_enumerate_rng(borel_enumeration *);
/* Of the path so far; of the whole path once the program has returned. */
double borel_enumerate_probability(const borel_enumeration *);
/* By how many times the relative rounding error of what the program states (probabilities, cuts, log-ratios
 * of its choices) that of the probability of the path is larger, to first order: about the number of choices,
 * and much more where it takes an outcome whose probability is the little that another one leaves of 1. */
double borel_enumerate_doubt(const borel_enumeration *);
void borel_enumerate_end(borel_enumeration *);

#endif
