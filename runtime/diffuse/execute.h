/* SPDX-License-Identifier: MIT
 * Running samples backwards: a tape, or a solver that steps. */
#ifndef BOREL_DIFFUSE_EXECUTE_H
#define BOREL_DIFFUSE_EXECUTE_H

#include "diffuse/predictor.h"
#include "diffuse/tape.h"

typedef struct borel_reverse borel_reverse;

/* All that a run is a function of, but for where x begins. Arrays are copied. */
typedef struct {
  size_t rows, D;
  uint64_t seed, first;    /* sample numbers first .. first + rows - 1: a sample has its own noise */
  const uint64_t *numbers; /* [rows], in place of these; NULL: they are in order */
  const double *shift;     /* [rows, D], or [D] with a stride of 0; NULL: none */
  size_t shift_stride;
  const double *condition; /* [rows, size], or [size] with a stride of 0; NULL: none */
  size_t condition_size, condition_stride;
  unsigned threads; /* at most; the bits do not depend on it */
} borel_reverse_options;

/* A run at the start of a tape; tape and predictor must outlive it. x is zero. Errors: ARG for shapes that do
 * not fit, or more samples than streams; INTERNAL when memory is short. */
borel_status borel_reverse_create(const borel_tape *, borel_predictor *, const borel_reverse_options *,
                                  borel_reverse **, borel_error *);
void borel_reverse_destroy(borel_reverse *); /* NULL is fine */

/* x - shift, [rows, D]: write it at the start, or at a mark. */
double *borel_reverse_x(borel_reverse *);
/* x [rows, D] = scale * noise of each sample, of the law with these degrees of freedom (0: normal). */
void borel_reverse_prior(const borel_reverse_options *, double scale, double degrees, double *x);
/* Runs instructions up to number `until`, or the end. A run that failed goes no further. Errors: those of the
 * predictor; DOMAIN when x is not finite. */
borel_status borel_reverse_advance(borel_reverse *, size_t until, borel_error *);
/* Instructions that have been run. */
size_t borel_reverse_at(const borel_reverse *);

/* Where a run stands, as bytes: tape, instruction, buffers. Goes on under any number of threads. */
size_t borel_reverse_size(const borel_reverse *);
void borel_reverse_save(const borel_reverse *, void *bytes);
/* Errors: ARG for bytes of another tape, seed, or number of samples. */
borel_status borel_reverse_load(borel_reverse *, const void *bytes, size_t size, borel_error *);
/* Gives every row the state of another one, rows[i] < rows: after steps of a particle filter. Noise stays
 * with the place, so that offspring part. Errors: INTERNAL when memory is short. */
borel_status borel_reverse_gather(borel_reverse *, const int64_t *rows, borel_error *);

/* Fills out [D] with the normals of a sample at (step, use). */
void borel_reverse_normals(uint64_t seed, uint64_t sample, uint64_t step, uint32_t use, size_t D,
                           double *out);

/* The number of the sample in a row. */
static inline uint64_t borel_sample_number(const borel_reverse_options *options, size_t row) {
  return options->numbers ? options->numbers[row] : options->first + row;
}

/* A copy of the numbers, to be freed; NULL when memory is short. */
uint64_t *borel_sample_numbers(const borel_reverse_options *);

/* Refuses options that no run can have: shapes, sample numbers. `most` is the number of arrays [rows, D]. */
borel_status borel_reverse_check(const borel_reverse_options *, const borel_predictor *, size_t most,
                                 borel_error *);

#endif
