/* SPDX-License-Identifier: MIT */
#include "infer/pathfinder.h"

#include "core/error.h"
#include "infer/quasi_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 200, SEARCHES = 30, ELBO_DRAWS = 10 };
#define STILL 1e-8 /* relative change of the log-density at which the walk ends */

/* A place of the walk; logdensity is -inf where there is no density. */
typedef struct {
  double *u, *gradient; /* [D] */
  double logdensity;
} place;

typedef struct {
  borel_target *target;
  const borel_point *point; /* for layout and z */
  size_t D;
  borel_quasi_newton curvature;
  place here, next;
  double *s, *y, *center, *noise, *draw; /* [D] */
  double *draws, *best;                  /* [ELBO_DRAWS, D]: of this place, of the best one */
  double weights[ELBO_DRAWS], best_weights[ELBO_DRAWS], best_elbo;
  double *scale; /* of the best one */
  borel_error *error;
} walk;

/* ---- the target ------------------------------------------------------------------------------ */

/* Points without density, or where it is not a number, are no error: logdensity is -inf. */
static borel_status forgive(walk *w, borel_status status, double *logdensity) {
  if (status == BOREL_REJECT || status == BOREL_DOMAIN) {
    w->error->code = BOREL_OK;
    w->error->message[0] = 0;
    *logdensity = -INFINITY;
    return BOREL_OK;
  }
  if (status == BOREL_OK && !(*logdensity < INFINITY)) *logdensity = -INFINITY;
  return status;
}

static borel_status climb_to(walk *w, place *at) {
  at->logdensity = -INFINITY;
  borel_status status = w->target->ops->gradient(w->target, w->point->layout, at->u, w->point->z,
                                                 &at->logdensity, at->gradient, w->error);
  status = forgive(w, status, &at->logdensity);
  for (size_t i = 0; status == BOREL_OK && i < w->D; i++)
    if (at->logdensity > -INFINITY && !isfinite(at->gradient[i])) at->logdensity = -INFINITY;
  return status;
}

static double dot(const double *x, const double *y, size_t D) {
  double sum = 0;
  for (size_t i = 0; i < D; i++) sum += x[i] * y[i];
  return sum;
}

/* ---- one step uphill ------------------------------------------------------------------------- */

/* From `here` along `direction` to `next`, by bisection until enough is gained and the slope has flattened
 * (weak Wolfe conditions, 1e-4 and 0.9). *found = 0: no such place. */
static borel_status search(walk *w, const double *direction, double first, int *found) {
  double slope = dot(w->here.gradient, direction, w->D), low = 0, high = INFINITY, t = first;
  *found = 0;
  if (!(slope > 0)) return BOREL_OK;
  for (int i = 0; i < SEARCHES; i++) {
    for (size_t d = 0; d < w->D; d++) w->next.u[d] = w->here.u[d] + t * direction[d];
    borel_status status = climb_to(w, &w->next);
    if (status != BOREL_OK) return status;
    int gains = w->next.logdensity >= w->here.logdensity + 1e-4 * t * slope;
    int flat = gains && dot(w->next.gradient, direction, w->D) <= 0.9 * slope;
    *found = gains;
    if (flat) return BOREL_OK;
    if (gains)
      low = t;
    else
      high = t;
    t = high < INFINITY ? 0.5 * (low + high) : 2 * low;
  }
  return BOREL_OK;
}

/* ---- the approximation at one place ---------------------------------------------------------- */

/* Draws from N(here + H gradient, H), their log weights, and the ELBO, the mean of those. */
static borel_status look_around(walk *w, borel_rng *rng, double *elbo) {
  size_t D = w->D;
  memcpy(w->center, w->here.gradient, D * sizeof *w->center);
  borel_quasi_newton_apply(&w->curvature, w->center);
  for (size_t i = 0; i < D; i++) w->center[i] += w->here.u[i];
  *elbo = 0;
  for (size_t k = 0; k < ELBO_DRAWS; k++) {
    double *draw = w->draws + k * D, logdensity = -INFINITY;
    rng->ops->fill_normal(rng, w->noise, 1, D);
    memcpy(draw, w->noise, D * sizeof *draw);
    borel_quasi_newton_root(&w->curvature, draw);
    for (size_t i = 0; i < D; i++) draw[i] += w->center[i];
    borel_status status =
        w->target->ops->logdensity(w->target, w->point->layout, draw, w->point->z, &logdensity, w->error);
    status = forgive(w, status, &logdensity);
    if (status != BOREL_OK) return status;
    /* but for the constant of the normal law */
    w->weights[k] = logdensity + 0.5 * dot(w->noise, w->noise, D) + w->curvature.log_volume;
    *elbo += w->weights[k] / ELBO_DRAWS;
  }
  return BOREL_OK;
}

static void keep(walk *w, double elbo) {
  double *held = w->best;
  w->best_elbo = elbo;
  w->best = w->draws;
  w->draws = held;
  memcpy(w->best_weights, w->weights, sizeof w->weights);
  borel_quasi_newton_diagonal(&w->curvature, w->scale, w->noise);
}

static double log_sum(const double weights[ELBO_DRAWS]) {
  double high = -INFINITY, sum = 0;
  for (size_t k = 0; k < ELBO_DRAWS; k++) high = fmax(high, weights[k]);
  for (size_t k = 0; k < ELBO_DRAWS; k++) sum += exp(weights[k] - high);
  return high + log(sum);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static borel_status climb(walk *w, borel_pathfinder_rng source, void *context) {
  size_t D = w->D;
  for (uint64_t l = 1; l <= PLACES; l++) {
    int found;
    memcpy(w->draw, w->here.gradient, D * sizeof *w->draw);
    borel_quasi_newton_apply(&w->curvature, w->draw);
    double first = w->curvature.pairs ? 1 : 1 / (1 + sqrt(dot(w->draw, w->draw, D)));
    borel_status status = search(w, w->draw, first, &found);
    if (status != BOREL_OK || !found) return status;
    for (size_t i = 0; i < D; i++) {
      w->s[i] = w->next.u[i] - w->here.u[i];
      w->y[i] = w->here.gradient[i] - w->next.gradient[i]; /* of -logdensity */
    }
    double gain = w->next.logdensity - w->here.logdensity;
    place held = w->here;
    w->here = w->next;
    w->next = held;
    if (borel_quasi_newton_add(&w->curvature, w->s, w->y)) {
      double elbo;
      status = look_around(w, source(context, l), &elbo);
      if (status != BOREL_OK) return status;
      if (isfinite(elbo) && elbo > w->best_elbo) keep(w, elbo);
    }
    if (!(gain > STILL * (1 + fabs(w->here.logdensity)))) return BOREL_OK;
  }
  return BOREL_OK;
}

borel_status borel_pathfinder(borel_target *target, const borel_point *point, borel_pathfinder_rng source,
                              void *context, double *u, double *scale, double *log_mass, borel_error *error) {
  size_t D = point->D;
  walk w = {.target = target, .point = point, .D = D, .best_elbo = -INFINITY, .error = error};
  double *memory = calloc((10 + 2 * ELBO_DRAWS) * D + 1, sizeof *memory);
  borel_status status = BOREL_OK;
  if (!borel_quasi_newton_open(&w.curvature, D) || !memory) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for pathfinder");
    goto end;
  }
  w.here = (place){memory, memory + D, 0};
  w.next = (place){memory + 2 * D, memory + 3 * D, 0};
  w.s = memory + 4 * D;
  w.y = memory + 5 * D;
  w.center = memory + 6 * D;
  w.noise = memory + 7 * D;
  w.draw = memory + 8 * D;
  w.scale = memory + 9 * D;
  w.draws = memory + 10 * D;
  w.best = w.draws + ELBO_DRAWS * D;
  memcpy(w.here.u, point->u, D * sizeof *u);
  status = climb_to(&w, &w.here);
  if (status == BOREL_OK && w.here.logdensity > -INFINITY) status = climb(&w, source, context);
  if (status != BOREL_OK) goto end;
  if (!(w.best_elbo > -INFINITY)) {
    status = BOREL_REJECT;
    goto end;
  }
  borel_rng *rng = source(context, 0);
  size_t chosen = rng->ops->categorical_log(rng, w.best_weights, ELBO_DRAWS);
  memcpy(u, w.best + chosen * D, D * sizeof *u);
  for (size_t i = 0; i < D; i++) scale[i] = sqrt(w.scale[i]);
  *log_mass = log_sum(w.best_weights);

end:
  free(memory);
  borel_quasi_newton_close(&w.curvature);
  return status;
}
