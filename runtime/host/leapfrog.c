/* SPDX-License-Identifier: MIT */
#include "host/leapfrog.h"

#include "core/error.h"
#include "host/metric.h"
#include "host/point.h"

#include <math.h>
#include <string.h>

/* Loops take four numbers at a time, as two pairs; a sum has four parts, so that additions overlap. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
#define PAIR(x) (*(const pair *)(x))
#define SET(x) (*(pair *)(x))
#define TOTAL(sum) ((sum[0][0] + sum[0][1]) + (sum[1][0] + sum[1][1]))

static int is_diagonal(const borel_metric *m) { return !m->root && !m->rank; }

static double kinetic(const double *momentum, size_t D) {
  pair sum[2] = {0};
  size_t i = 0;
  for (; i + 4 <= D; i += 4)
    for (size_t j = 0; j < 2; j++) sum[j] += PAIR(momentum + i + 2 * j) * PAIR(momentum + i + 2 * j);
  for (; i < D; i++) sum[0][0] += momentum[i] * momentum[i];
  return 0.5 * TOTAL(sum);
}

/* momentum += kick * force */
static void kick_by(double *to, const double *momentum, const double *force, double kick, size_t D) {
  size_t i = 0;
  for (; i + 2 <= D; i += 2) SET(to + i) = PAIR(momentum + i) + kick * PAIR(force + i);
  for (; i < D; i++) to[i] = momentum[i] + kick * force[i];
}

/* Half a kick and a drift in one pass. */
static void kick_and_drift(const borel_metric *m, const borel_place *from, double step, borel_place *to) {
  double kick = 0.5 * step;
  if (!is_diagonal(m)) {
    kick_by(to->momentum, from->momentum, from->force, kick, m->D);
    borel_metric_push(m, step, to->momentum, from->u, to->u);
    return;
  }
  const double *u = from->u, *momentum = from->momentum, *force = from->force, *scale = m->scale;
  double *new_u = to->u, *new_momentum = to->momentum;
  size_t i = 0, D = m->D;
  for (; i + 2 <= D; i += 2) {
    pair kicked = PAIR(momentum + i) + kick * PAIR(force + i);
    SET(new_momentum + i) = kicked;
    SET(new_u + i) = PAIR(u + i) + step * (PAIR(scale + i) * kicked);
  }
  for (; i < D; i++) {
    new_momentum[i] = momentum[i] + kick * force[i];
    new_u[i] = u[i] + step * (scale[i] * new_momentum[i]);
  }
}

/* The force, and half a kick by it, in one pass; returns the kinetic energy. */
static double pull_and_kick(const borel_metric *m, double kick, borel_place *place) {
  double *momentum = place->momentum, *force = place->force;
  if (!is_diagonal(m)) {
    borel_metric_pull(m, place->gradient, force);
    kick_by(momentum, momentum, force, kick, m->D);
    return kinetic(momentum, m->D);
  }
  const double *gradient = place->gradient, *scale = m->scale;
  pair sum[2] = {0};
  size_t i = 0, D = m->D;
  for (; i + 4 <= D; i += 4)
    for (size_t j = 0; j < 2; j++) {
      size_t at = i + 2 * j;
      pair pulled = PAIR(scale + at) * PAIR(gradient + at), kicked = PAIR(momentum + at) + kick * pulled;
      SET(force + at) = pulled;
      SET(momentum + at) = kicked;
      sum[j] += kicked * kicked;
    }
  for (; i < D; i++) {
    force[i] = scale[i] * gradient[i];
    momentum[i] += kick * force[i];
    sum[0][0] += momentum[i] * momentum[i];
  }
  return 0.5 * TOTAL(sum);
}

/* Log-density and gradient at `to->u`. 0: zero, not a number, or an error in *status. */
static int look(borel_target *target, const borel_point *point, borel_place *to, borel_status *status,
                borel_error *error) {
  to->nan = 0;
  to->energy = INFINITY;
  to->logdensity = -INFINITY;
  *status =
      target->ops->gradient(target, point->layout, to->u, point->z, &to->logdensity, to->gradient, error);
  if (*status == BOREL_OK && to->logdensity > -INFINITY) return 1;
  to->nan = *status == BOREL_DOMAIN || (*status == BOREL_OK && isnan(to->logdensity));
  to->logdensity = -INFINITY;
  if (to->nan) {
    error->code = BOREL_OK;
    error->message[0] = 0;
    *status = BOREL_OK;
  } else if (*status == BOREL_REJECT) {
    *status = BOREL_OK;
  }
  return 0;
}

static void settle(borel_place *to, double energy) {
  if (isfinite(energy)) {
    to->energy = energy;
    return;
  }
  to->nan = 1; /* a log-density of +inf, or a gradient that is no number */
  to->logdensity = -INFINITY;
}

borel_status borel_place_leapfrog(borel_target *target, const borel_point *point, const borel_metric *m,
                                  const borel_place *from, double step, borel_place *to, borel_error *error) {
  borel_status status;
  to->index = from->index + (step > 0 ? 1 : -1);
  kick_and_drift(m, from, step, to);
  if (look(target, point, to, &status, error)) settle(to, pull_and_kick(m, 0.5 * step, to) - to->logdensity);
  return status;
}

borel_status borel_place_drift(borel_target *target, const borel_point *point, const borel_metric *m,
                               const borel_place *from, const double *velocity, double step, borel_place *to,
                               borel_error *error) {
  borel_status status;
  to->index = from->index + (step > 0 ? 1 : -1);
  borel_metric_push(m, step, velocity, from->u, to->u);
  if (!look(target, point, to, &status, error)) return status;
  borel_metric_pull(m, to->gradient, to->force);
  settle(to, isfinite(kinetic(to->force, m->D)) ? -to->logdensity : INFINITY);
  return status;
}

borel_status borel_place_load(borel_target *target, borel_point *point, const borel_metric *m,
                              borel_place *place, borel_error *error) {
  borel_status status = borel_point_evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (!isfinite(point->logdensity))
    return borel_fail(error, BOREL_DOMAIN, "the log-density is %g at the current point", point->logdensity);
  if (m->D) {
    memcpy(place->u, point->u, m->D * sizeof *place->u);
    memcpy(place->gradient, point->gradient, m->D * sizeof *place->gradient);
  }
  borel_metric_pull(m, place->gradient, place->force);
  place->logdensity = point->logdensity;
  place->energy = -point->logdensity;
  place->index = 0;
  place->nan = 0;
  return BOREL_OK;
}

void borel_place_refresh(borel_rng *rng, const borel_metric *m, borel_place *place) {
  rng->ops->fill_normal(rng, place->momentum, 1, m->D);
  place->energy = kinetic(place->momentum, m->D) - place->logdensity;
}
