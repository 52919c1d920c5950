/* SPDX-License-Identifier: MIT
 * Metrics from the draws of a warm-up. variance and dense as in Stan: at the end of each slow window from the
 * draws of that window. fisher and low_rank as in nuts-rs (Seyboldt, Carlson, Carpenter 2026,
 * arXiv:2603.18845): after each draw, from draws and gradients of a window that overlaps the one before. */
#include "core/error.h"
#include "host/low_rank.h"
#include "host/metric.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  SCALE,
  COUNTS,
  WINDOW,
  FORE,
  BACK, /* fisher, variance */
  ROOT = 5,
  COVARIANCE, /* dense */
  RANK = 5,
  DIRECTIONS,
  STRETCH,
  DRAWS,
  GRADIENTS,
  RECENT
};
enum { KEPT = 512 /* draws from which low_rank is found */, LEAST = 10 };
enum { COUNT_DRAWS, COUNT_GRADIENTS, COUNT_BACK, COUNT_BACK_GRADIENTS };

int borel_metric_uses_gradients(borel_metric_kind kind) {
  return kind == BOREL_METRIC_FISHER || kind == BOREL_METRIC_LOW_RANK;
}

void borel_metric_fields(borel_metric_kind kind, borel_field *out) {
  static const borel_field shared[] = {
      {"scale", BOREL_F64, {BOREL_DIM_D}, "diagonal of the metric: about the standard deviations"},
      {"counts", BOREL_F64, {4}, "draws and gradients in the foreground, then in the background"},
      {"window", BOREL_F64, {0}, "length of the current window; 0 while the first metric is in use"},
      {"foreground", BOREL_F64, {4, BOREL_DIM_D}, "Welford: mean and squares of draws, then of gradients"},
      {"background", BOREL_F64, {4, BOREL_DIM_D}, "the same for the next window"},
      {0}};
  static const borel_field dense[] = {
      {"root", BOREL_F64, {BOREL_DIM_D, BOREL_DIM_D}, "lower triangular root of the metric"},
      {"covariance", BOREL_F64, {BOREL_DIM_D, BOREL_DIM_D}, "sums of products of draws, in the window"},
      {0}};
  static const borel_field low_rank[] = {
      {"rank", BOREL_F64, {0}, "directions in use"},
      {"directions", BOREL_F64, {BOREL_LOW_RANK, BOREL_DIM_D}, "orthonormal, in scaled coordinates"},
      {"stretch", BOREL_F64, {BOREL_LOW_RANK}, "standard deviation along each"},
      {"draws", BOREL_F64, {KEPT, BOREL_DIM_D}, "recent draws, in a ring"},
      {"gradients", BOREL_F64, {KEPT, BOREL_DIM_D}, "there"},
      {"recent", BOREL_F64, {2}, "draws put into the ring; how many there were at the last fit"},
      {0}};
  memcpy(out, shared, sizeof shared);
  if (kind == BOREL_METRIC_DENSE) memcpy(out + ROOT, dense, sizeof dense);
  if (kind == BOREL_METRIC_LOW_RANK) memcpy(out + RANK, low_rank, sizeof low_rank);
}

void borel_metric_view(borel_metric_kind kind, size_t D, const void *const *fields, borel_metric *out) {
  *out = (borel_metric){.D = D, .scale = fields[SCALE]};
  if (kind == BOREL_METRIC_DENSE) out->root = fields[ROOT];
  if (kind != BOREL_METRIC_LOW_RANK) return;
  out->rank = (size_t) * (const double *)fields[RANK];
  out->directions = fields[DIRECTIONS];
  out->stretch = fields[STRETCH];
}

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* ---- Welford, two of them -------------------------------------------------------------------- */

/* Draws and gradients of one window. */
typedef struct {
  double *counts, *rows; /* [2], [4, D] */
  size_t D;
} estimate;

static estimate foreground(void *const *fields, size_t D) {
  return (estimate){fields[COUNTS], fields[FORE], D};
}
static estimate background(void *const *fields, size_t D) {
  return (estimate){(double *)fields[COUNTS] + COUNT_BACK, fields[BACK], D};
}

static void reset(estimate e) {
  memset(e.counts, 0, 2 * sizeof *e.counts);
  if (e.D) memset(e.rows, 0, 4 * e.D * sizeof *e.rows);
}

static void add_row(double *count, double *mean, double *squares, size_t D, const double *x) {
  *count += 1;
  for (size_t i = 0; i < D; i++) {
    double difference = x[i] - mean[i];
    mean[i] += difference / *count;
    squares[i] += difference * (x[i] - mean[i]);
  }
}

static void add(estimate e, const borel_point *point) {
  add_row(&e.counts[COUNT_DRAWS], e.rows, e.rows + e.D, e.D, point->u);
  add_row(&e.counts[COUNT_GRADIENTS], e.rows + 2 * e.D, e.rows + 3 * e.D, e.D, point->gradient);
}

/* ---- Stan's windows -------------------------------------------------------------------------- */

/* Sums of products about the running mean: lower triangle. */
static void add_products(estimate e, const double *x, double *sums) {
  double n = e.counts[COUNT_DRAWS]; /* before this draw */
  for (size_t i = 0; i < e.D; i++) {
    double row = (x[i] - e.rows[i]) * n / (n + 1);
    for (size_t j = 0; j <= i; j++) sums[i * e.D + j] += row * (x[j] - e.rows[j]);
  }
}

/* The covariance, drawn a little towards 1e-3 I; the root stays when it is not positive. */
static borel_status take_root(double n, double *sums, size_t D, double *root, borel_error *error) {
  if (D > 46340) return borel_fail(error, BOREL_ARG, "metric = dense: %zu dimensions are too many", D);
  for (size_t i = 0; i < D; i++) {
    for (size_t j = 0; j <= i; j++) sums[i * D + j] *= n / (n + 5) / (n - 1);
    sums[i * D + i] += 1e-3 * 5 / (n + 5);
  }
  lapack_int d = (lapack_int)D;
  if (LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', d, sums, d) == 0)
    for (size_t i = 0; i < D; i++) memcpy(root + i * D, sums + i * D, (i + 1) * sizeof *root);
  memset(sums, 0, D * D * sizeof *sums);
  return BOREL_OK;
}

static borel_status learn_windows(borel_metric_kind kind, const borel_phase *phase, const borel_point *point,
                                  void *const *fields, int *renewed, borel_error *error) {
  estimate fore = foreground(fields, point->D);
  if (phase->slow) {
    if (kind == BOREL_METRIC_DENSE) add_products(fore, point->u, fields[COVARIANCE]);
    add_row(fore.counts, fore.rows, fore.rows + fore.D, fore.D, point->u);
  }
  double n = fore.counts[COUNT_DRAWS], *scale = fields[SCALE];
  if (!phase->window_end || n < 2) return BOREL_OK;
  borel_status status = BOREL_OK;
  if (kind == BOREL_METRIC_DENSE)
    status = take_root(n, fields[COVARIANCE], fore.D, fields[ROOT], error);
  else
    for (size_t i = 0; i < fore.D; i++) {
      double variance = fore.rows[fore.D + i] / (n - 1);
      scale[i] = sqrt(clamp(n / (n + 5) * variance + 1e-3 * 5 / (n + 5), 1e-20, 1e20));
    }
  reset(fore);
  *renewed = 1;
  return status;
}

/* ---- draws and gradients --------------------------------------------------------------------- */

static void take_scale(estimate e, double *scale) {
  double n = e.counts[COUNT_DRAWS];
  for (size_t i = 0; i < e.D; i++) {
    double draws = e.rows[e.D + i] / (n - 1), gradients = e.rows[3 * e.D + i] / (n - 1);
    double ratio = sqrt(draws / gradients);
    if (ratio > 0 && isfinite(ratio)) scale[i] = sqrt(clamp(ratio, 1e-20, 1e20));
  }
}

static void remember(const borel_point *point, void *const *fields) {
  double *recent = fields[RECENT];
  size_t at = (size_t)recent[0] % KEPT * point->D;
  if (point->D) {
    memcpy((double *)fields[DRAWS] + at, point->u, point->D * sizeof(double));
    memcpy((double *)fields[GRADIENTS] + at, point->gradient, point->D * sizeof(double));
  }
  recent[0] += 1;
}

/* From the draws of the foreground, as far as they are kept; not more often than that it pays. */
static borel_status fit_directions(estimate fore, void *const *fields, borel_error *error) {
  double *recent = fields[RECENT], *rank = fields[RANK];
  size_t n = (size_t)fore.counts[COUNT_DRAWS], seldom = fore.D / 4;
  if (n > KEPT) n = KEPT;
  if (recent[1] > 0 && recent[0] - recent[1] < (double)(seldom > LEAST ? seldom : LEAST)) return BOREL_OK;
  recent[1] = recent[0];
  take_scale(fore, fields[SCALE]);
  borel_low_rank sample = {.n = n,
                           .D = fore.D,
                           .kept = KEPT,
                           .last = (size_t)recent[0],
                           .draws = fields[DRAWS],
                           .gradients = fields[GRADIENTS],
                           .scale = fields[SCALE]};
  size_t found = 0;
  borel_status status = borel_low_rank_fit(&sample, fields[DIRECTIONS], fields[STRETCH], &found, error);
  *rank = (double)found;
  return status;
}

/* Windows of 10 in the early part of the warm-up, then 80, growing by half; none in the last 15 %. */
static borel_status learn_gradients(borel_metric_kind kind, const borel_phase *phase,
                                    const borel_point *point, void *const *fields, int *renewed,
                                    borel_error *error) {
  double *window = fields[WINDOW];
  double iteration = (double)phase->iteration, end = 0.85 * (double)phase->warmup;
  if (iteration >= end) return BOREL_OK;
  estimate fore = foreground(fields, point->D), back = background(fields, point->D);
  add(fore, point);
  add(back, point);
  if (kind == BOREL_METRIC_LOW_RANK) remember(point, fields);

  int early = iteration < BOREL_METRIC_EARLY * (double)phase->warmup;
  double length = early ? 10 : *window > 80 ? *window : 80;
  if (back.counts[COUNT_DRAWS] >= length && iteration + length < end) {
    memcpy(fore.counts, back.counts, 2 * sizeof *fore.counts);
    if (fore.D) memcpy(fore.rows, back.rows, 4 * fore.D * sizeof *fore.rows);
    reset(back);
    *window = early ? length : 1.5 * length;
  }
  if (fore.counts[COUNT_DRAWS] < 4) return BOREL_OK;
  borel_status status = BOREL_OK;
  if (kind == BOREL_METRIC_LOW_RANK)
    status = fit_directions(fore, fields, error);
  else
    take_scale(fore, fields[SCALE]);
  if (*window > 0) return status;
  *window = 10; /* the first metric from draws: its scale may be far from that of the first guess */
  *renewed = 1;
  return status;
}

borel_status borel_metric_learn(borel_metric_kind kind, const borel_phase *phase, const borel_point *point,
                                int informative, void *const *fields, int *renewed, borel_error *error) {
  *renewed = 0;
  if (!borel_metric_uses_gradients(kind)) return learn_windows(kind, phase, point, fields, renewed, error);
  return informative ? learn_gradients(kind, phase, point, fields, renewed, error) : BOREL_OK;
}

/* ---- start ----------------------------------------------------------------------------------- */

void borel_metric_start(borel_metric_kind kind, const borel_point *point, const double *known,
                        void *const *fields) {
  size_t D = point->D;
  double *scale = fields[SCALE];
  estimate fore = foreground(fields, D), back = background(fields, D);
  reset(fore);
  reset(back);
  *(double *)fields[WINDOW] = 0;
  for (size_t i = 0; i < D; i++) {
    double slope = fabs(point->gradient[i]);
    int usable = borel_metric_uses_gradients(kind) && slope > 0 && isfinite(slope);
    scale[i] = known ? clamp(known[i], 1e-10, 1e10) : usable ? sqrt(clamp(1 / slope, 1e-20, 1e20)) : 1;
  }
  if (kind == BOREL_METRIC_DENSE) {
    double *root = fields[ROOT];
    if (D) memset(root, 0, D * D * sizeof *root);
    if (D) memset(fields[COVARIANCE], 0, D * D * sizeof *root);
    for (size_t i = 0; i < D; i++) root[i * D + i] = scale[i], scale[i] = 1;
  }
  if (kind == BOREL_METRIC_LOW_RANK) {
    *(double *)fields[RANK] = 0;
    memset(fields[RECENT], 0, 2 * sizeof(double));
    remember(point, fields);
  }
  if (!borel_metric_uses_gradients(kind)) return;
  add(fore, point);
  add(back, point);
}
