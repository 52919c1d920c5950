/* SPDX-License-Identifier: MIT */
#include "host/services.h"

#include "core/error.h"
#include "host/elementary.h"
#include "host/hamiltonian.h"
#include "host/point.h"
#include "host/quadrature.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors, log, memory --------------------------------------------------------------------- */

static const char *const level_names[] = {"debug", "info", "warn"};

/* The lowest level that is written; past the last when the log is off. */
static size_t log_threshold(void) {
  const char *wanted = getenv("BOREL_LOG");
  if (!wanted) return BOREL_LOG_WARN;
  for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
    if (!strcmp(wanted, level_names[i])) return i;
  return strcmp(wanted, "off") ? BOREL_LOG_WARN : BOREL_LOG_WARN + 1;
}

void borel_log(borel_log_level level, const char *format, ...) {
  if (level > BOREL_LOG_WARN || (size_t)level < log_threshold()) return;
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  fprintf(stderr, "borel: %s: %s\n", level_names[level], line); /* one call: lines of threads do not mix */
}

static void *allocate(size_t count, size_t size) { return calloc(count ? count : 1, size ? size : 1); }

/* ---- dual averaging -------------------------------------------------------------------------- */

enum { MU, LOG_STEP, LOG_STEP_MEAN, STATISTIC_MEAN, COUNT };

static void averaging_restart(double state[6], double step_size) {
  state[MU] = log(10 * step_size);
  state[LOG_STEP] = log(step_size);
  state[LOG_STEP_MEAN] = log(step_size);
  state[STATISTIC_MEAN] = 0;
  state[COUNT] = 0;
  state[5] = 0;
}

static double averaging_update(double state[6], double accept_statistic, double target) {
  const double gamma = 0.05, t0 = 10, kappa = 0.75;
  double statistic = accept_statistic < 1 ? accept_statistic : 1;
  if (!(statistic >= 0)) statistic = 0; /* a NaN too: nothing was accepted */
  double t = state[COUNT] += 1;
  double weight = 1 / (t + t0);
  state[STATISTIC_MEAN] = (1 - weight) * state[STATISTIC_MEAN] + weight * (target - statistic);
  state[LOG_STEP] = state[MU] - state[STATISTIC_MEAN] * sqrt(t) / gamma;
  double share = pow(t, -kappa);
  state[LOG_STEP_MEAN] = (1 - share) * state[LOG_STEP_MEAN] + share * state[LOG_STEP];
  return exp(state[LOG_STEP]);
}

static double averaging_finish(const double state[6]) { return exp(state[LOG_STEP_MEAN]); }

static const borel_dual_averaging dual_averaging = {
    .size = sizeof dual_averaging,
    .restart = averaging_restart,
    .update = averaging_update,
    .finish = averaging_finish,
};

/* ---- Welford --------------------------------------------------------------------------------- */

static void welford_reset(double *count, double *mean, double *squares, size_t D) {
  *count = 0;
  for (size_t i = 0; i < D; i++) mean[i] = squares[i] = 0;
}

static void welford_add(double *count, double *mean, double *squares, size_t D, const double *x) {
  *count += 1;
  for (size_t i = 0; i < D; i++) {
    double difference = x[i] - mean[i];
    mean[i] += difference / *count;
    squares[i] += difference * (x[i] - mean[i]);
  }
}

static void welford_variance(const double *count, const double *squares, size_t D, double *out) {
  for (size_t i = 0; i < D; i++) out[i] = *count > 1 ? squares[i] / (*count - 1) : 0;
}

static const borel_welford welford = {
    .size = sizeof welford,
    .reset = welford_reset,
    .add = welford_add,
    .variance = welford_variance,
};

const borel_host *borel_host_table(void) {
  static const borel_host table = {
      .size = sizeof table,
      .fail = borel_fail,
      .log = borel_log,
      .allocate = allocate,
      .release = free,
      .evaluate = borel_point_evaluate,
      .move_u = borel_point_move_u,
      .move_z = borel_point_move_z,
      .know = borel_point_know,
      .dual_averaging = &dual_averaging,
      .welford = &welford,
      .hamiltonian = &borel_hamiltonian_table,
      .quadrature = &borel_quadrature_table,
      .elementary = &borel_elementary_table,
  };
  return &table;
}
