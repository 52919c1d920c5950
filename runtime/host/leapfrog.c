/* SPDX-License-Identifier: MIT */
#include "host/leapfrog.h"

#include "core/error.h"
#include "core/lanes.h"
#include "host/metric.h"
#include "host/point.h"

#include <math.h>
#include <string.h>

static int is_diagonal(const borel_metric *m) { return !m->root && !m->rank; }

/* ---- passes over the arrays of a place ------------------------------------------------------- */

BOREL_INLINE double kinetic_body(const double *momentum, size_t D) {
  borel_four sum = {0};
  double rest = 0;
  size_t i = 0;
  for (; i + 4 <= D; i += 4) sum += BOREL_FOUR(momentum + i) * BOREL_FOUR(momentum + i);
  for (; i < D; i++) rest += momentum[i] * momentum[i];
  return 0.5 * borel_four_total(sum, rest);
}

/* to = momentum + kick force; returns its kinetic energy. */
BOREL_INLINE double kick_body(double *to, const double *momentum, const double *force, double kick,
                              size_t D) {
  borel_four sum = {0};
  double rest = 0;
  size_t i = 0;
  for (; i + 4 <= D; i += 4) {
    borel_four kicked = BOREL_FOUR(momentum + i) + kick * BOREL_FOUR(force + i);
    BOREL_SET_FOUR(to + i) = kicked;
    sum += kicked * kicked;
  }
  for (; i < D; i++) {
    to[i] = momentum[i] + kick * force[i];
    rest += to[i] * to[i];
  }
  return 0.5 * borel_four_total(sum, rest);
}

/* With a diagonal metric: half a kick and a drift. */
BOREL_INLINE void kick_and_drift_body(const borel_metric *m, const borel_place *from, double step,
                                      borel_place *to) {
  const double *u = from->u, *momentum = from->momentum, *force = from->force, *scale = m->scale;
  double *new_u = to->u, *new_momentum = to->momentum, kick = 0.5 * step;
  size_t i = 0, D = m->D;
  for (; i + 4 <= D; i += 4) {
    borel_four kicked = BOREL_FOUR(momentum + i) + kick * BOREL_FOUR(force + i);
    borel_four there = BOREL_FOUR(u + i) + step * (BOREL_FOUR(scale + i) * kicked);
    BOREL_SET_FOUR(new_momentum + i) = kicked;
    BOREL_SET_FOUR(new_u + i) = there;
  }
  for (; i < D; i++) {
    new_momentum[i] = momentum[i] + kick * force[i];
    new_u[i] = u[i] + step * (scale[i] * new_momentum[i]);
  }
}

/* With a diagonal metric: the force, and half a kick by it; returns the kinetic energy. */
BOREL_INLINE double pull_and_kick_body(const borel_metric *m, double kick, borel_place *place) {
  double *momentum = place->momentum, *force = place->force;
  const double *gradient = place->gradient, *scale = m->scale;
  borel_four sum = {0};
  double rest = 0;
  size_t i = 0, D = m->D;
  for (; i + 4 <= D; i += 4) {
    borel_four pulled = BOREL_FOUR(scale + i) * BOREL_FOUR(gradient + i);
    borel_four kicked = BOREL_FOUR(momentum + i) + kick * pulled;
    BOREL_SET_FOUR(force + i) = pulled;
    BOREL_SET_FOUR(momentum + i) = kicked;
    sum += kicked * kicked;
  }
  for (; i < D; i++) {
    force[i] = scale[i] * gradient[i];
    momentum[i] += kick * force[i];
    rest += momentum[i] * momentum[i];
  }
  return 0.5 * borel_four_total(sum, rest);
}

BOREL_WIDEST(double, kinetic, (const double *momentum, size_t D), (momentum, D))
BOREL_WIDEST(double, kick, (double *to, const double *momentum, const double *force, double by, size_t D),
             (to, momentum, force, by, D))
BOREL_WIDEST_VOID(kick_and_drift,
                  (const borel_metric *m, const borel_place *from, double step, borel_place *to),
                  (m, from, step, to))
BOREL_WIDEST(double, pull_and_kick, (const borel_metric *m, double by, borel_place *place), (m, by, place))

/* ---- the services ---------------------------------------------------------------------------- */

static void leave(const borel_metric *m, const borel_place *from, double step, borel_place *to) {
  if (is_diagonal(m)) {
    kick_and_drift(m, from, step, to);
    return;
  }
  kick(to->momentum, from->momentum, from->force, 0.5 * step, m->D);
  borel_metric_push(m, step, to->momentum, from->u, to->u);
}

/* Returns the kinetic energy. */
static double arrive(const borel_metric *m, double step, borel_place *to) {
  if (is_diagonal(m)) return pull_and_kick(m, 0.5 * step, to);
  borel_metric_pull(m, to->gradient, to->force);
  return kick(to->momentum, to->momentum, to->force, 0.5 * step, m->D);
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
  leave(m, from, step, to);
  if (look(target, point, to, &status, error)) settle(to, arrive(m, step, to) - to->logdensity);
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
