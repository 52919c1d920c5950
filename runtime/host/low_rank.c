/* SPDX-License-Identifier: MIT */
#include "host/low_rank.h"

#include "core/error.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Added to both covariances: what is not seen in either counts as of unit scale. */
#define RIDGE 1e-5
#define CUTOFF 2.0

/* Rows [n, D] of the ring, centred, in scaled coordinates, such that rows' rows is a covariance. */
static void scaled_rows(const borel_low_rank *s, const double *ring, int inverse, double *rows) {
  size_t n = s->n, D = s->D;
  double *mean = rows + (n - 1) * D; /* in the place of the last row, which is made last */
  memset(mean, 0, D * sizeof *mean);
  for (size_t i = 0; i < n; i++) {
    const double *from = ring + (s->last - 1 - i) % s->kept * D;
    for (size_t d = 0; d < D; d++) mean[d] += from[d] / (double)n;
  }
  double root = sqrt((double)n);
  for (size_t i = 0; i < n; i++) {
    const double *from = ring + (s->last - 1 - i) % s->kept * D;
    for (size_t d = 0; d < D; d++)
      rows[i * D + d] = (from[d] - mean[d]) * ((inverse ? 1 / s->scale[d] : s->scale[d]) / root);
  }
}

/* out [r, r] = (rows basis')' (rows basis') + RIDGE I; basis [r, D] or NULL for I. */
static void covariance(const double *rows, size_t n, size_t D, const double *basis, size_t r, double *room,
                       double *out) {
  if (basis) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)r, (int)D, 1, rows, (int)D, basis,
                (int)D, 0, room, (int)r);
    rows = room;
  }
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)r, (int)r, (int)n, 1, rows, (int)r, rows, (int)r,
              0, out, (int)r);
  for (size_t i = 0; i < r; i++) out[i * r + i] += RIDGE;
}

/* X = G^-1 # X by G = C C': C^-T (C' X C)^(1/2) C^-1. Overwrites G, too. */
static int geometric_mean(double *X, double *G, size_t r, double *values, double *room) {
  int n = (int)r;
  if (LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', n, G, n) != 0) return 0;
  cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, G, n, X, n);
  cblas_dtrmm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, n, 1, G, n, X, n);
  if (LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', n, X, n, values) != 0) return 0;
  /* (C' X C)^(1/2) = F F', F = Q diag(values)^(1/4); the mean is (C^-T F) (C^-T F)'. */
  for (size_t i = 0; i < r; i++)
    for (size_t k = 0; k < r; k++) X[i * r + k] *= sqrt(sqrt(values[k] > 0 ? values[k] : 0));
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, n, 1, G, n, X, n);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, X, n, X, n, 0, room, n);
  memcpy(X, room, r * r * sizeof *X);
  return 1;
}

static double extremity(double value) { return fabs(log(value)); }

/* The eigenvalues (ascending, all > 0) outside of [1 / CUTOFF, CUTOFF], from both ends. */
static size_t pick(const double *values, const double *vectors, const double *basis, size_t r, size_t D,
                   double *directions, double *stretch) {
  size_t low = 0, high = r, rank = 0;
  while (low < high && rank < BOREL_LOW_RANK) {
    if (!(values[low] > 0) || !isfinite(values[high - 1])) return 0;
    size_t k = extremity(values[low]) > extremity(values[high - 1]) ? low++ : --high;
    if (extremity(values[k]) <= log(CUTOFF)) break;
    stretch[rank] = sqrt(values[k]);
    double *direction = directions + rank++ * D;
    if (!basis)
      for (size_t d = 0; d < D; d++) direction[d] = vectors[d * r + k];
    else
      cblas_dgemv(CblasRowMajor, CblasTrans, (int)r, (int)D, 1, basis, (int)D, vectors + k, (int)r, 0,
                  direction, 1);
  }
  return rank;
}

borel_status borel_low_rank_fit(const borel_low_rank *s, double *directions, double *stretch, size_t *rank,
                                borel_error *error) {
  size_t n = s->n, D = s->D, r = D < 2 * n ? D : 2 * n;
  *rank = 0;
  if (n < 4 || D < 2) return BOREL_OK;
  double *rows = malloc((4 * n * D + 3 * r * r + n * r + 2 * r) * sizeof *rows);
  if (!rows) return borel_fail(error, BOREL_INTERNAL, "no memory for a low-rank metric");
  double *gradients = rows + n * D, *basis = NULL, *X = rows + 4 * n * D, *G = X + r * r, *room = G + r * r;
  double *values = room + r * r + n * r;
  scaled_rows(s, s->draws, 1, rows);
  scaled_rows(s, s->gradients, 0, gradients);
  if (D > 2 * n) { /* an orthonormal basis of what draws and gradients span */
    basis = rows + 2 * n * D;
    memcpy(basis, rows, 2 * n * D * sizeof *basis);
    int fine = LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (int)D, (int)r, basis, (int)D, values) == 0 &&
               LAPACKE_dorgqr(LAPACK_COL_MAJOR, (int)D, (int)r, (int)r, basis, (int)D, values) == 0;
    if (!fine) goto end;
  }
  covariance(rows, n, D, basis, r, room, X);
  covariance(gradients, n, D, basis, r, room, G);
  if (geometric_mean(X, G, r, values, room) &&
      LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', (int)r, X, (int)r, values) == 0)
    *rank = pick(values, X, basis, r, D, directions, stretch);
end:
  free(rows);
  return BOREL_OK;
}
