/* SPDX-License-Identifier: MIT
 * The replaying source: the first choices are given, another source continues.
 *
 * Two forms. A *script* is three queues that are consumed independently: normals, uniforms, and decisions
 * (accept, bernoulli, unif_lt: 0 or 1; direction: -1 or +1; categorical, categorical_log: the index;
 * uniform_int, poisson, binomial: the number). What a queue no longer holds, `next` answers: "the first D
 * normals are these, the rest is enumerated". exponential, gamma and beta have no queue. A decision of
 * probability 0 is an ARG error. unif takes a forced uniform when there is one, and is then known.
 * A fill takes given normals in row-major order; with several lanes `next` fills every lane and the given
 * ones are put over. A *trace* is a recorded run: each choice must come back with the same law, parameters
 * and arity, or the program is not deterministic given its choices (status INTERNAL, with the position). */
#ifndef BOREL_RANDOM_SOURCE_REPLAY_H
#define BOREL_RANDOM_SOURCE_REPLAY_H

#include "random/choice.h"
#include <borel/plugin.h>

typedef struct {
  const double *normals;
  size_t normal_count;
  const double *uniforms;
  size_t uniform_count;
  const int64_t *decisions;
  size_t decision_count;
} borel_script;

typedef struct {
  borel_rng rng;
  borel_rng *next; /* NULL: running out is an ARG error */
  borel_script script;
  size_t normals, uniforms, decisions; /* consumed so far */
  const borel_trace *trace;            /* NULL in the script form */
  size_t position;                     /* in the trace */
} borel_replay_rng;

/* The script's arrays, the trace and `next` are the caller's and outlive the source. */
void borel_replay_open(borel_replay_rng *, const borel_script *, borel_rng *next, borel_error *error);
void borel_replay_open_trace(borel_replay_rng *, const borel_trace *, borel_rng *next, borel_error *error);
/* After the program: an INTERNAL error when it left some of a trace unused, ARG for a script; returns the
 * status. */
borel_status borel_replay_finish(borel_replay_rng *);

#endif
