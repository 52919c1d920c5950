/* SPDX-License-Identifier: MIT
 * Who predicts x0 or eps: a score, or something made of predictors - guided, thresholded, shifted. */
#ifndef BOREL_DIFFUSE_PREDICTOR_H
#define BOREL_DIFFUSE_PREDICTOR_H

#include "diffuse/path.h"

typedef struct borel_predictor borel_predictor;
typedef struct {
  /* What one thread needs for calls of at most `rows` rows; NULL, with `error`, when memory is short. */
  void *(*open)(const borel_predictor *, size_t rows, size_t D, borel_error *);
  void (*close)(const borel_predictor *, void *room);
  /* x [rows, D], less the shift -> out [rows, D]. */
  borel_status (*predict)(const borel_predictor *, void *room, const borel_score_call *, const double *x,
                          borel_prediction, double *out, borel_error *);
  void (*destroy)(borel_predictor *);
  /* Optional: the log-density of x [rows, D], less the shift -> out [rows]. */
  borel_status (*logdensity)(const borel_predictor *, void *room, const borel_score_call *, const double *x,
                             double *out, borel_error *);
} borel_predictor_ops;
struct borel_predictor {
  const borel_predictor_ops *ops;
  size_t D;     /* 0: any */
  int serial;   /* must be called by the thread that made it */
  size_t calls; /* of scores for one prediction */
  size_t rows;  /* that a call should have; 0: no matter */
};

/* A score along a path; both must outlive it. Errors: INTERNAL when memory is short. */
borel_status borel_predictor_score(const borel_score *, const borel_path *, borel_predictor **,
                                   borel_error *);
/* The law of data is a mixture of those of n predictors: x0 = sum_j r_j x0_j, r_j proportional to weights[j]
 * times the density of x under predictor j. They must outlive it. Errors: those of a sum; ARG for a predictor
 * without log-density and for weights that are negative or all 0. */
borel_status borel_predictor_mixture(size_t n, borel_predictor *const *, const double *weights,
                                     borel_predictor **, borel_error *);
/* eps = sum_j weights[j] eps_j of n predictors, which must outlive it: classifier-free guidance, mixtures of
 * scores. Errors: ARG for n of 0 and for predictors of different dimensions. */
borel_status borel_predictor_sum(size_t n, borel_predictor *const *, const double *weights,
                                 borel_predictor **, borel_error *);
/* x0 held to [-limit, limit]; with 0 < quantile < 1, where s, that quantile of a row's |x0| (type 7), is
 * above the limit, x0 is held to [-s, s] and scaled by limit / s (Saharia et al. 2022, dynamic thresholding).
 * eps follows x0. */
borel_status borel_predictor_threshold(borel_predictor *, double limit, double quantile, borel_predictor **,
                                       borel_error *);
void borel_predictor_destroy(borel_predictor *); /* NULL is fine */

/* The level of row b of a call. */
static inline const borel_level *borel_call_level(const borel_score_call *call, size_t b) {
  return &call->levels[b * call->level_stride];
}

/* In place: `out` [rows, D], an answer in this parametrisation, which is not BOREL_NATIVE_CUSTOM, becomes x0
 * or eps. `name` is for messages. Errors: ARG where x and the answer do not tell it. */
borel_status borel_predictor_from_native(const char *name, const borel_path *, borel_parametrisation,
                                         const borel_score_call *, const double *x, borel_prediction what,
                                         double *out, borel_error *);
/* out [rows, D] = the other prediction, given one; `out` may be `have`. */
void borel_predictor_convert(const borel_score_call *, const double *x, borel_prediction have_what,
                             const double *have, double *out);

#endif
