/* SPDX-License-Identifier: MIT
 * A process as solvers see it: levels of noise by time and by lambda, grids of them. */
#ifndef BOREL_DIFFUSE_PATH_H
#define BOREL_DIFFUSE_PATH_H

#include "host/instance.h"

typedef struct {
  const borel_process *process;
  double least, most;     /* times of least and of most noise */
  double lambda_of_least; /* the highest lambda; +inf where there is no noise */
  double lambda_of_most;  /* the lowest; -inf where there is no data */
  double degrees;         /* of freedom of the law of eps; 0: normal */
  double prior_scale;     /* standard deviation of x - shift at `most` */
  int shifted;            /* must a run state a shift? */
  size_t indices;         /* levels of a table, at even distances of time; 0: none */
} borel_path;

/* Looks at the process, which must outlive the path. Errors: ARG when lambda does not fall strictly from
 * least to most noise at 1000 places (names the first), for a domain, scale or degrees that are no such
 * numbers. */
borel_status borel_path_open(const borel_process *, borel_path *, borel_error *);

/* The level at a time, held to the domain. */
void borel_path_at_time(const borel_path *, double t, borel_level *);
/* The level at which lambda is this, held to the domain; by the inverse of the process, or by bisection. */
void borel_path_at_lambda(const borel_path *, double lambda, borel_level *);
/* d alpha / dt and d sigma / dt: those of the process, or central differences. */
void borel_path_slopes(const borel_path *, double t, double *alpha, double *sigma);

typedef enum { BOREL_GRID_TIME, BOREL_GRID_LAMBDA } borel_grid_scale;

/* The levels at n values of time or lambda, and with `clean` a last one without noise. Errors: ARG for fewer
 * than two levels, for a value that is not a number or lies outside the domain (beyond rounding), and for
 * levels that are the same or whose lambdas do not all rise or all fall (names both). */
borel_status borel_path_grid(const borel_path *, borel_grid_scale, size_t n, const double *values, int clean,
                             borel_level *out, borel_error *);

/* p and q of the answer p x0 + q eps in a parametrisation other than BOREL_NATIVE_CUSTOM. */
void borel_path_native(const borel_path *, borel_parametrisation, const borel_level *, double *p, double *q);

#endif
