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

enum { D = 5, N = 100, LARGEST = 131 /* beyond one piece of 128 */ };

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

/* L y as its definition says, for sizes and ranks around the widths at which loops change. */
static void expect_definition(const borel_metric *m) {
  size_t n = m->D;
  double y[LARGEST] = {0}, u[LARGEST] = {0}, By[LARGEST] = {0}, out[LARGEST], Lg[LARGEST], left = 0,
         right = 0;
  for (size_t i = 0; i < n; i++) y[i] = sin(1.3 * (double)i);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; m->root && j <= i; j++) By[i] += m->root[i * n + j] * y[j];
    if (!m->root) By[i] += y[i];
    for (size_t k = 0; k < m->rank; k++)
      for (size_t j = 0; j < n; j++)
        By[i] += m->directions[k * n + i] * (m->stretch[k] - 1) * m->directions[k * n + j] * y[j];
  }
  borel_metric_push(m, 0.5, y, u, out);
  for (size_t i = 0; i < n; i++) {
    double due = 0.5 * m->scale[i] * By[i];
    cr_expect(fabs(out[i] - due) < 1e-12 * (1 + fabs(due)), "D %zu rank %zu: %.17g, not %.17g", n, m->rank,
              out[i], due);
  }
  for (size_t i = 0; i < n; i++) u[i] = cos(0.7 * (double)i);
  borel_metric_pull(m, u, Lg);
  for (size_t i = 0; i < n; i++) left += y[i] * Lg[i], right += 2 * out[i] * u[i];
  cr_expect(fabs(left - right) < 1e-11 * (1 + fabs(left)), "D %zu rank %zu: %.17g and %.17g", n, m->rank,
            left, right);
}

Test(metric, every_size_and_rank_follows_the_definition) {
  static double scales[LARGEST], root[LARGEST * LARGEST], directions[BOREL_LOW_RANK * LARGEST],
      stretch[BOREL_LOW_RANK];
  const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 11, 127, 128, 129, LARGEST}, ranks[] = {1, 3, 4, 5, 8, 32};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t n = sizes[s];
    for (size_t i = 0; i < n; i++) scales[i] = 1 + 0.1 * (double)i;
    for (size_t i = 0; i < n * n; i++) root[i] = cos(0.9 * (double)i) + (i % (n + 1) == 0 ? 2 : 0);
    for (size_t i = 0; i < BOREL_LOW_RANK * n; i++) directions[i] = sin(2.1 * (double)i) / sqrt((double)n);
    for (size_t i = 0; i < BOREL_LOW_RANK; i++) stretch[i] = 0.5 + 0.25 * (double)i;
    expect_definition(&(borel_metric){.D = n, .scale = scales});
    expect_definition(&(borel_metric){.D = n, .scale = scales, .root = root});
    for (size_t k = 0; k < sizeof ranks / sizeof *ranks; k++)
      expect_definition(&(borel_metric){
          .D = n, .rank = ranks[k], .scale = scales, .directions = directions, .stretch = stretch});
  }
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
