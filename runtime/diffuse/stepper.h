/* SPDX-License-Identifier: MIT
 * Running samples backwards by a solver that chooses its steps as it goes. */
#ifndef BOREL_DIFFUSE_STEPPER_H
#define BOREL_DIFFUSE_STEPPER_H

#include "diffuse/execute.h"

typedef struct borel_stepper borel_stepper;

/* A run from the first of the levels to the last; solver and predictor must outlive it. x is zero. Errors:
 * those of borel_reverse_create; ARG for a solver that plans, or does not suit the process. */
borel_status borel_stepper_create(const borel_solver *, const borel_path *, size_t points,
                                  const borel_level *levels, borel_predictor *, const borel_reverse_options *,
                                  borel_stepper **, borel_error *);
void borel_stepper_destroy(borel_stepper *); /* NULL is fine */

double *borel_stepper_x(borel_stepper *); /* x - shift, [rows, D]: write it at the start */
/* At most `steps` more steps of every row that has not arrived; 0: as many as it takes. Errors: those of the
 * solver and the predictor; DOMAIN when x is not finite. A run that failed goes no further. */
borel_status borel_stepper_advance(borel_stepper *, uint64_t steps, borel_error *);
int borel_stepper_done(const borel_stepper *);
/* Evaluations of the score, and steps taken back, of each row. */
int64_t borel_stepper_evaluations(const borel_stepper *, size_t row);
int64_t borel_stepper_rejected(const borel_stepper *, size_t row);

/* Where a run stands, as bytes. Errors of load: ARG for bytes of another solver, grid, seed or number of
 * samples. */
size_t borel_stepper_size(const borel_stepper *);
void borel_stepper_save(const borel_stepper *, void *bytes);
borel_status borel_stepper_load(borel_stepper *, const void *bytes, size_t size, borel_error *);

#endif
