/* SPDX-License-Identifier: MIT
 *
 * Metrics of gradient kernels: the map u = L y in its three forms, and the fit of the low-rank form. */
#include "host/low_rank.h"
#include "host/metric.h"
#include "random/source_philox.h"
#include "random/stream.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { D = 5, N = 100 };

/* y' (L' x) = (L y)' x for each form, to rounding. */
static void expect_transposes(const borel_metric *m) {
  const double y[D] = {0.3, -1, 2, 0.1, -0.7}, x[D] = {1, 0.5, -2, 3, 0.2}, zero[D] = {0};
  double Ly[D], Lx[D], left = 0, right = 0;
  borel_metric_push(m, 1, y, zero, Ly);
  borel_metric_pull(m, x, Lx);
  for (size_t i = 0; i < D; i++) left += y[i] * Lx[i], right += Ly[i] * x[i];
  cr_expect(fabs(left - right) < 1e-13 * (1 + fabs(left)), "%.17g and %.17g", left, right);
}

static const double scale[D] = {0.1, 1, 20, 3, 0.5};

Test(metric, pull_is_the_transpose_of_push) {
  double root[D * D] = {0}, directions[2 * D] = {0.6, 0.8, 0, 0, 0, 0, 0, 0, 1, 0}, stretch[] = {5, 0.2};
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++) root[i * D + j] = i == j ? 1 + (double)i : 0.3 - 0.1 * (double)j;
  expect_transposes(&(borel_metric){.D = D, .scale = scale});
  expect_transposes(&(borel_metric){.D = D, .scale = scale, .root = root});
  expect_transposes(
      &(borel_metric){.D = D, .rank = 2, .scale = scale, .directions = directions, .stretch = stretch});
}

/* Draws of a normal law with standard deviations 8, 1/5 along two directions and 1 across, in scaled
 * coordinates, and its gradients -precision u. */
static void sample(const double *a, const double *b, double *draws, double *gradients, size_t dimensions) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_root(3), 0, 0, 0, &error);
  for (size_t i = 0; i < N; i++) {
    double *u = draws + i * dimensions, *g = gradients + i * dimensions, along_a = 0, along_b = 0;
    rng.rng.ops->fill_normal(&rng.rng, u, 1, dimensions);
    for (size_t d = 0; d < dimensions; d++) along_a += a[d] * u[d], along_b += b[d] * u[d];
    for (size_t d = 0; d < dimensions; d++) {
      double rest = u[d] - along_a * a[d] - along_b * b[d];
      u[d] = rest + 8 * along_a * a[d] + 0.2 * along_b * b[d];
      g[d] = -(rest + along_a / 8 * a[d] + along_b / 0.2 * b[d]);
    }
  }
}

static double overlap(const double *x, const double *y, size_t dimensions) {
  double sum = 0;
  for (size_t d = 0; d < dimensions; d++) sum += x[d] * y[d];
  return fabs(sum);
}

/* From a normal density with more draws than dimensions the fit is exact up to the ridge, however few and
 * dependent the draws: 1e-5 beside covariances of 1/64 and more. */
Test(metric, low_rank_fit_is_exact_on_a_normal_density) {
  const double a[D] = {0.6, 0.8, 0, 0, 0}, b[D] = {0, 0, 0.6, 0, -0.8}, ones[D] = {1, 1, 1, 1, 1};
  double draws[N * D], gradients[N * D], directions[BOREL_LOW_RANK * D], stretch[BOREL_LOW_RANK];
  size_t rank;
  borel_error error = {0};
  sample(a, b, draws, gradients, D);
  borel_low_rank s = {
      .n = N, .D = D, .kept = N, .last = N, .draws = draws, .gradients = gradients, .scale = ones};
  cr_assert(borel_low_rank_fit(&s, directions, stretch, &rank, &error) == BOREL_OK);
  cr_assert(rank == 2, "rank %zu", rank);
  cr_expect(fabs(stretch[0] - 8) < 0.01 && fabs(stretch[1] - 0.2) < 1e-3, "%g %g", stretch[0], stretch[1]);
  cr_expect(overlap(directions, a, D) > 1 - 1e-5 && overlap(directions + D, b, D) > 1 - 1e-5);
  cr_expect(overlap(directions, directions + D, D) < 1e-12);
}

/* More dimensions than draws: what they span is used, and the widest direction stands out. */
Test(metric, low_rank_fit_finds_a_wide_direction_among_many) {
  enum { MANY = 600 };
  static double a[MANY], b[MANY], ones[MANY], draws[N * MANY], gradients[N * MANY],
      directions[BOREL_LOW_RANK * MANY], stretch[BOREL_LOW_RANK];
  for (size_t d = 0; d < MANY; d++) {
    a[d] = 1 / sqrt(MANY);
    b[d] = (d % 2 ? 1 : -1) / sqrt(MANY);
    ones[d] = 1;
  }
  size_t rank;
  borel_error error = {0};
  sample(a, b, draws, gradients, MANY);
  borel_low_rank s = {
      .n = N, .D = MANY, .kept = N, .last = N, .draws = draws, .gradients = gradients, .scale = ones};
  cr_assert(borel_low_rank_fit(&s, directions, stretch, &rank, &error) == BOREL_OK);
  cr_assert(rank > 0 && rank <= BOREL_LOW_RANK);
  double best = 0;
  for (size_t k = 0; k < rank; k++) {
    best = fmax(best, overlap(directions + k * MANY, a, MANY));
    for (size_t j = 0; j < k; j++)
      cr_expect(overlap(directions + k * MANY, directions + j * MANY, MANY) < 1e-10);
  }
  cr_expect(best > 0.9, "overlap %g", best);
}

Test(metric, low_rank_fit_says_nothing_about_useless_numbers) {
  double draws[N * D], gradients[N * D], directions[BOREL_LOW_RANK * D], stretch[BOREL_LOW_RANK];
  const double ones[D] = {1, 1, 1, 1, 1};
  size_t rank = 7;
  borel_error error = {0};
  memset(draws, 0, sizeof draws);
  for (size_t i = 0; i < N * D; i++) gradients[i] = i == 17 ? NAN : (double)(i % 7);
  borel_low_rank s = {
      .n = N, .D = D, .kept = N, .last = N, .draws = draws, .gradients = gradients, .scale = ones};
  cr_assert(borel_low_rank_fit(&s, directions, stretch, &rank, &error) == BOREL_OK);
  cr_expect(rank == 0);
}
