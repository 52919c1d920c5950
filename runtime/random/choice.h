/* SPDX-License-Identifier: MIT
 * A random choice as a value: which law, with which parameters, and what came out. */
#ifndef BOREL_RANDOM_CHOICE_H
#define BOREL_RANDOM_CHOICE_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
  BOREL_LAW_ACCEPT,
  BOREL_LAW_DIRECTION,
  BOREL_LAW_BERNOULLI,
  BOREL_LAW_CATEGORICAL,
  BOREL_LAW_CATEGORICAL_LOG,
  BOREL_LAW_UNIFORM_INT,
  BOREL_LAW_UNIF,
  BOREL_LAW_UNIF_LT,
  BOREL_LAW_UNIFORM,
  BOREL_LAW_NORMAL,
  BOREL_LAW_EXPONENTIAL,
  BOREL_LAW_GAMMA,
  BOREL_LAW_BETA,
  BOREL_LAW_POISSON,
  BOREL_LAW_BINOMIAL
} borel_law;

/* As in borel_rng_ops: "accept", "categorical_log", ... */
const char *borel_law_name(borel_law);

typedef struct {
  borel_law law;
  uint64_t parameters; /* hash of them, bit for bit */
  uint64_t arity;      /* number of outcomes; 0: continuous or unbounded */
  double value;        /* uniform, normal, exponential, gamma, beta; unif: its value */
  int64_t decision;    /* the others: an index, a count, 0 or 1; direction: 0 is -1, 1 is +1 */
} borel_choice;

/* A growing list of choices; zero-initialise it. */
typedef struct {
  borel_choice *choices;
  size_t count, capacity;
} borel_trace;

/* Returns 0 when there is no memory. */
int borel_trace_append(borel_trace *, const borel_choice *);
void borel_trace_free(borel_trace *);

/* Hashes of parameters. */
uint64_t borel_choice_hash_reals(const double *x, size_t n);
uint64_t borel_choice_hash_count(uint64_t n, double p);

#endif
