/* SPDX-License-Identifier: MIT
 * What a solver planned: instructions on slots, each an array [rows, D]. */
#ifndef BOREL_DIFFUSE_TAPE_H
#define BOREL_DIFFUSE_TAPE_H

#include "diffuse/path.h"

#define BOREL_TAPE_SOURCES 16

typedef enum {
  BOREL_TAPE_PREDICT,
  BOREL_TAPE_COMBINE,    /* one coefficient for each source */
  BOREL_TAPE_COMBINE_BY, /* one for each source and coordinate */
  BOREL_TAPE_NOISE,
  BOREL_TAPE_MARK
} borel_tape_code;

typedef struct {
  borel_tape_code code;
  int32_t to;
  uint32_t count; /* of sources */
  int32_t from[BOREL_TAPE_SOURCES];
  size_t coefficients; /* place of the first in borel_tape_view.coefficients */
  borel_level level;   /* of PREDICT and MARK */
  borel_prediction prediction;
  double scale; /* of NOISE */
  borel_noise noise;
  double interval[2]; /* of lambda, of tree noise */
  uint32_t step, use; /* steps before this one; noises in it before this one */
} borel_tape_instruction;

/* A finished tape; belongs to it. Slots stand for buffers: those that are never needed at once share one. */
typedef struct {
  size_t D, count, slots, buffers, steps;
  const borel_tape_instruction *instructions; /* [count] */
  const double *coefficients;
  const char *const *names;  /* [slots]; slot 0 is x */
  const int32_t *buffer_of;  /* [count]: buffer that an instruction writes; -1: none */
  const int32_t *sources_at; /* [count * BOREL_TAPE_SOURCES]: buffers that it reads; -1: ones */
  size_t predictions;        /* evaluations of the score for each sample: NFE */
  int stochastic;
  uint64_t hash; /* of all that decides what the tape does */
} borel_tape_view;

/* Lets a solver plan a way through these levels. Errors: ARG for an adaptive solver, for noise where the law
 * is not normal or noise rises, for a tape that reads slots before they are written or whose coefficients are
 * not finite, and what the solver reports; INTERNAL for one that leaves x elsewhere than the last level. */
borel_status borel_tape_plan(const borel_solver *, const borel_path *, size_t D, size_t points,
                             const borel_level *levels, borel_tape **, borel_error *);
void borel_tape_destroy(borel_tape *); /* NULL is fine */
const borel_tape_view *borel_tape_look(const borel_tape *);

/* The plan that a solver is given; used for those that step, too. */
borel_plan *borel_plan_create(const borel_path *, size_t D, size_t points, const borel_level *levels,
                              borel_error *);
void borel_plan_destroy(borel_plan *);

/* Checks that hold for both kinds of solver: claims, direction and law. */
borel_status borel_solver_suits(const borel_solver *, const borel_plan *, borel_error *);

#endif
