/* SPDX-License-Identifier: MIT
 *
 * Pathfinder: the inverse Hessian as a product, and what the walk finds on normal densities. */
#include "host/point.h"
#include "infer/pathfinder.h"
#include "infer/quasi_newton.h"
#include "random/source_philox.h"
#include "random/stream.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { D = 4 };

/* A precision matrix with condition 100 or so, and the covariance that belongs to it (inverted by hand
 * below). */
static const double precision[D][D] = {
    {4, 1.5, 0, 0.2}, {1.5, 1, 0.1, 0}, {0, 0.1, 9, -2}, {0.2, 0, -2, 0.7}};

static void multiply(const double *x, double *out) {
  for (size_t i = 0; i < D; i++) {
    out[i] = 0;
    for (size_t j = 0; j < D; j++) out[i] += precision[i][j] * x[j];
  }
}

/* H as a matrix, column by column. */
static void matrix_of(const borel_quasi_newton *h, double H[D][D]) {
  for (size_t j = 0; j < D; j++) {
    double x[D] = {0};
    x[j] = 1;
    borel_quasi_newton_apply(h, x);
    for (size_t i = 0; i < D; i++) H[i][j] = x[i];
  }
}

static double log_determinant(double a[D][D]) {
  double sum = 0;
  for (size_t k = 0; k < D; k++) { /* H is positive definite: no pivots */
    sum += log(a[k][k]);
    for (size_t i = k + 1; i < D; i++)
      for (size_t j = D; j-- > k;) a[i][j] -= a[i][k] / a[k][k] * a[k][j];
  }
  return sum;
}

/* Pairs of the quadratic with this precision, more of them than are kept. */
static void feed(borel_quasi_newton *h, size_t pairs, double *s, double *y) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_root(1), 0, 0, 0, &error);
  for (size_t k = 0; k < pairs; k++) {
    rng.rng.ops->fill_normal(&rng.rng, s, 1, D);
    multiply(s, y);
    cr_assert(borel_quasi_newton_add(h, s, y));
  }
}

/* Rounding: condition 1e2 of the precision, a few products of six factors. */
#define CLOSE 1e-9

Test(quasi_newton, maps_the_last_change_of_gradient_to_its_step) {
  borel_quasi_newton h;
  double s[D], y[D];
  for (size_t pairs = 1; pairs <= 9; pairs++) {
    cr_assert(borel_quasi_newton_open(&h, D));
    feed(&h, pairs, s, y);
    borel_quasi_newton_apply(&h, y);
    for (size_t i = 0; i < D; i++) cr_expect(fabs(y[i] - s[i]) < CLOSE * (1 + fabs(s[i])));
    borel_quasi_newton_close(&h);
  }
}

Test(quasi_newton, is_symmetric_with_the_diagonal_and_volume_that_it_says) {
  borel_quasi_newton h;
  double s[D], y[D], H[D][D], diagonal[D], room[D];
  cr_assert(borel_quasi_newton_open(&h, D));
  feed(&h, 9, s, y);
  matrix_of(&h, H);
  borel_quasi_newton_diagonal(&h, diagonal, room);
  for (size_t i = 0; i < D; i++) {
    cr_expect(fabs(H[i][i] - diagonal[i]) < CLOSE * H[i][i]);
    for (size_t j = 0; j < i; j++) cr_expect(fabs(H[i][j] - H[j][i]) < CLOSE * sqrt(H[i][i] * H[j][j]));
  }
  cr_expect(fabs(0.5 * log_determinant(H) - h.log_volume) < CLOSE);
  borel_quasi_newton_close(&h);
}

Test(quasi_newton, refuses_pairs_without_curvature) {
  borel_quasi_newton h;
  double s[D] = {1, 0, 0, 0}, y[D] = {-1, 0, 0, 0}, x[D] = {1, 2, 3, 4};
  cr_assert(borel_quasi_newton_open(&h, D));
  cr_expect(!borel_quasi_newton_add(&h, s, y));
  y[0] = NAN;
  cr_expect(!borel_quasi_newton_add(&h, s, y));
  borel_quasi_newton_apply(&h, x);
  for (size_t i = 0; i < D; i++) cr_expect(x[i] == 1 + (double)i, "H is I still");
  borel_quasi_newton_close(&h);
}

/* ---- the walk -------------------------------------------------------------------------------- */

typedef enum { NORMAL, FLAT, WALLED } shape;
typedef struct {
  borel_target target;
  shape shape;
} density;

static borel_status gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                             double *logdensity, double *slope, borel_error *error) {
  const density *self = (const density *)target;
  double product[D], centred[D];
  (void)id, (void)z, (void)error;
  for (size_t i = 0; i < D; i++) centred[i] = u[i] - 3;
  multiply(centred, product);
  *logdensity = 0;
  if (self->shape == WALLED && u[0] > 2.5) return BOREL_REJECT;
  for (size_t i = 0; i < D; i++) {
    if (self->shape != FLAT) *logdensity -= 0.5 * centred[i] * product[i];
    if (slope) slope[i] = self->shape == FLAT ? 0 : -product[i];
  }
  return BOREL_OK;
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  return gradient(target, id, u, z, out, NULL, error);
}

static const borel_target_ops ops = {.size = sizeof ops, .logdensity = logdensity, .gradient = gradient};

static borel_rng *cell(void *context, uint64_t index) {
  static borel_error error;
  borel_philox_rng *rng = context;
  borel_philox_open(rng, borel_stream_root(7), 0, index, 0, &error);
  return &rng->rng;
}

static borel_status run(shape its_shape, double *u, double *scale) {
  density d = {{&ops}, its_shape};
  borel_layout layout = {.D = D};
  borel_host_point *point;
  borel_error error = {0};
  borel_philox_rng rng;
  cr_assert(borel_point_create(&layout, &point, &error) == BOREL_OK);
  borel_point_set(point, (double[D]){-1.5, 1, 0.5, -2}, NULL);
  double log_mass = NAN;
  borel_status status = borel_pathfinder(&d.target, &point->view, cell, &rng, u, scale, &log_mass, &error);
  cr_expect(status != BOREL_OK || isfinite(log_mass));
  cr_expect(!error.message[0], "%s", error.message);
  borel_point_destroy(point);
  return status;
}

/* Standard deviations of the normal density: roots of the diagonal of the inverse of `precision`, by
 * elimination on unit vectors. */
static void true_scales(double *sd) {
  for (size_t c = 0; c < D; c++) {
    double a[D][D], x[D] = {0};
    memcpy(a, precision, sizeof a);
    x[c] = 1;
    for (size_t k = 0; k < D; k++)
      for (size_t i = 0; i < D; i++) {
        if (i == k) continue;
        double factor = a[i][k] / a[k][k];
        for (size_t j = k; j < D; j++) a[i][j] -= factor * a[k][j];
        x[i] -= factor * x[k];
      }
    sd[c] = sqrt(x[c] / a[c][c]);
  }
}

Test(pathfinder, starts_within_a_normal_density_and_knows_its_scales) {
  double u[D], scale[D], sd[D];
  true_scales(sd);
  cr_assert(run(NORMAL, u, scale) == BOREL_OK);
  for (size_t i = 0; i < D; i++) {
    cr_expect(fabs(u[i] - 3) < 5 * sd[i], "u[%zu] = %g", i, u[i]);
    /* On a quadratic the curvature of D independent steps is exact; six pairs hold it. */
    cr_expect(scale[i] > 0.8 * sd[i] && scale[i] < 1.25 * sd[i], "scale[%zu] = %g of %g", i, scale[i], sd[i]);
  }
}

Test(pathfinder, says_the_same_each_time) {
  double u[D], scale[D], again[D], other[D];
  cr_assert(run(NORMAL, u, scale) == BOREL_OK && run(NORMAL, again, other) == BOREL_OK);
  cr_expect(!memcmp(u, again, sizeof u) && !memcmp(scale, other, sizeof scale));
}

Test(pathfinder, rejects_where_there_is_nothing_to_climb) {
  double u[D], scale[D];
  cr_expect(run(FLAT, u, scale) == BOREL_REJECT);
}

/* Draws of an approximation outside of the support have no finite ELBO; it never ends there. */
Test(pathfinder, stays_inside_the_support) {
  double u[D], scale[D];
  if (run(WALLED, u, scale) == BOREL_OK) cr_expect(u[0] <= 2.5, "u[0] = %g", u[0]);
}
