/* SPDX-License-Identifier: MIT */
#include "random/choice.h"

#include "core/hash.h"

#include <stdlib.h>

const char *borel_law_name(borel_law law) {
  static const char *const names[] = {[BOREL_LAW_ACCEPT] = "accept",
                                      [BOREL_LAW_DIRECTION] = "direction",
                                      [BOREL_LAW_BERNOULLI] = "bernoulli",
                                      [BOREL_LAW_CATEGORICAL] = "categorical",
                                      [BOREL_LAW_UNIFORM_INT] = "uniform_int",
                                      [BOREL_LAW_CATEGORICAL_LOG] = "categorical_log",
                                      [BOREL_LAW_UNIF] = "unif",
                                      [BOREL_LAW_UNIF_LT] = "unif_lt",
                                      [BOREL_LAW_UNIFORM] = "uniform",
                                      [BOREL_LAW_NORMAL] = "normal",
                                      [BOREL_LAW_GAMMA] = "gamma",
                                      [BOREL_LAW_EXPONENTIAL] = "exponential",
                                      [BOREL_LAW_BETA] = "beta",
                                      [BOREL_LAW_POISSON] = "poisson",
                                      [BOREL_LAW_BINOMIAL] = "binomial"};
  return names[law];
}

int borel_trace_append(borel_trace *trace, const borel_choice *choice) {
  if (trace->count == trace->capacity) {
    size_t capacity = trace->capacity ? 2 * trace->capacity : 64;
    borel_choice *grown = reallocarray(trace->choices, capacity, sizeof *grown);
    if (!grown) return 0;
    trace->choices = grown;
    trace->capacity = capacity;
  }
  trace->choices[trace->count++] = *choice;
  return 1;
}

void borel_trace_free(borel_trace *trace) {
  free(trace->choices);
  *trace = (borel_trace){0};
}

uint64_t borel_choice_hash_reals(const double *x, size_t n) { return borel_hash(x, n * sizeof *x, 0); }

uint64_t borel_choice_hash_count(uint64_t n, double p) {
  return borel_hash(&n, sizeof n, borel_choice_hash_reals(&p, 1));
}
