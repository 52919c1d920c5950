/* SPDX-License-Identifier: MIT
 * Warm-up of kernels that follow gradients: metric and step size. */
#include "host/hamiltonian.h"

#include "core/error.h"
#include "host/leapfrog.h"
#include "host/metric.h"
#include "host/point.h"
#include "host/services.h"

#include <math.h>
#include <string.h>

enum { STEP_SIZE, AVERAGING, METRIC };

static void fields(borel_metric_kind kind, size_t field_size, borel_field out[BOREL_HAMILTONIAN_FIELDS]) {
  borel_field list[BOREL_HAMILTONIAN_FIELDS] = {
      [STEP_SIZE] = {"step_size", BOREL_F64, {0}, "leapfrog step, in coordinates of unit scale"},
      [AVERAGING] = {"averaging", BOREL_F64, {6}, "dual averaging of the step size"}};
  borel_metric_fields(kind, list + METRIC);
  size_t known = field_size < sizeof *list ? field_size : sizeof *list;
  memset(out, 0, BOREL_HAMILTONIAN_FIELDS * field_size);
  for (size_t i = 0; i < BOREL_HAMILTONIAN_FIELDS; i++) memcpy((char *)out + i * field_size, &list[i], known);
}

static void metric(borel_metric_kind kind, size_t D, const void *const *tuned, borel_metric *out) {
  borel_metric_view(kind, D, tuned + METRIC, out);
}

static borel_place place_in(double *room, size_t D) {
  return (borel_place){.u = room, .gradient = room + D, .momentum = room + 2 * D, .force = room + 3 * D};
}

/* Doubles or halves the step size until one leapfrog step from the point crosses an acceptance of 0.8
 * (Hoffman and Gelman 2014, algorithm 4, with Stan's threshold). */
static borel_status find_step_size(const borel_context *context, borel_target *target, borel_point *point,
                                   const borel_metric *m, double *step_size, double *room,
                                   borel_error *error) {
  const double threshold = log(0.8), smallest = 1e-12, largest = 1e7;
  borel_place start = place_in(room, m->D), there = place_in(room + 4 * m->D, m->D);
  borel_status status = borel_place_load(target, point, m, &start, error);
  for (int grow = -1; status == BOREL_OK && *step_size > smallest && *step_size < largest;) {
    borel_place_refresh(context->rng, m, &start);
    status = borel_place_leapfrog(target, point, m, &start, *step_size, &there, error);
    int accepted = start.energy - there.energy > threshold;
    if (grow < 0) grow = accepted;
    if (status != BOREL_OK || accepted != grow) return status;
    *step_size *= grow ? 2 : 0.5;
  }
  if (status != BOREL_OK) return status;
  borel_log(BOREL_LOG_WARN, *step_size >= largest ? "any step size is accepted: is the density proper?"
                                                  : "no step size is accepted: is the density continuous?");
  *step_size = *step_size < smallest ? smallest : *step_size > largest ? largest : *step_size;
  return BOREL_OK;
}

static borel_status restart(borel_metric_kind kind, const borel_context *context, borel_target *target,
                            borel_point *point, void *const *tuned, double *room, borel_error *error) {
  borel_metric m;
  metric(kind, point->D, (const void *const *)tuned, &m);
  double *step_size = tuned[STEP_SIZE];
  borel_status status = find_step_size(context, target, point, &m, step_size, room, error);
  if (status == BOREL_OK) context->host->dual_averaging->restart(tuned[AVERAGING], *step_size);
  return status;
}

static borel_status start(const borel_hamiltonian_options *options, const borel_context *context,
                          borel_target *target, borel_point *point, void *const *tuned, double *room,
                          borel_error *error) {
  double *step_size = tuned[STEP_SIZE];
  if (options->metric > BOREL_METRIC_DENSE)
    return borel_fail(error, BOREL_ARG, "this Borel has no metric number %u: the plugin needs a newer one",
                      (unsigned)options->metric);
  borel_metric none = {0};
  borel_place place = {0};
  borel_status status = borel_place_load(target, point, &none, &place, error);
  if (status != BOREL_OK) return status;
  borel_metric_start(options->metric, point, context->scale, tuned + METRIC);
  *step_size = options->step_size > 0 ? options->step_size : 1;
  if (options->step_size == 0) return restart(options->metric, context, target, point, tuned, room, error);
  context->host->dual_averaging->restart(tuned[AVERAGING], *step_size);
  return BOREL_OK;
}

static borel_status adapt(const borel_hamiltonian_options *options, const borel_context *context,
                          borel_target *target, borel_point *point, const borel_hamiltonian_news *news,
                          void *const *tuned, double *room, borel_error *error) {
  const borel_phase *phase = context->phase;
  const borel_dual_averaging *averaging = context->host->dual_averaging;
  borel_metric_kind kind = options->metric;
  double *step_size = tuned[STEP_SIZE];
  int renewed;
  /* nuts-rs: once the metric has settled, gains of energy count like losses; the step comes out smaller. */
  int late = borel_metric_uses_gradients(kind) &&
             (double)phase->iteration >= BOREL_METRIC_EARLY * (double)phase->warmup;
  *step_size =
      averaging->update(tuned[AVERAGING], late ? news->symmetric : news->accept, options->target_accept);
  borel_status status = borel_point_evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status == BOREL_OK)
    status = borel_metric_learn(kind, phase, point, news->informative, tuned + METRIC, &renewed, error);
  if (status == BOREL_OK && renewed) status = restart(kind, context, target, point, tuned, room, error);
  if (phase->iteration + 1 == phase->warmup) *step_size = averaging->finish(tuned[AVERAGING]);
  return status;
}

const borel_hamiltonian borel_hamiltonian_table = {
    .size = sizeof borel_hamiltonian_table,
    .fields = fields,
    .metric = metric,
    .push = borel_metric_push,
    .pull = borel_metric_pull,
    .load = borel_place_load,
    .refresh = borel_place_refresh,
    .drift = borel_place_drift,
    .leapfrog = borel_place_leapfrog,
    .start = start,
    .adapt = adapt,
};
