/* SPDX-License-Identifier: MIT
 * LAPACK counts columns first, so it sees the transpose of a matrix: our lower triangle is its upper one. */
#include "graph/linear.h"

#include <cblas.h> /* openblas_set_num_threads */
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/linear_small.h"

/* Fortran's names, which no header declares along with LAPACK's: those of CBLAS are in GSL too, and the
 * loader takes whichever it meets first. */
void dtrsv_(const char *which, const char *transposed, const char *diagonal, const int *n, const double *a,
            const int *stride, double *x, const int *step);
void dtrsm_(const char *side, const char *which, const char *transposed, const char *diagonal, const int *m,
            const int *n, const double *factor, const double *a, const int *stride, double *b,
            const int *stride_b);

static char library[300];

/* Ends the threads of OpenBLAS, as it does itself before a fork; not in a build of it without threads. */
__attribute__((weak)) int blas_thread_shutdown_(void);

/* Chains run in parallel already, and sums split among threads would depend on their number. OpenBLAS begins
 * its threads when it is loaded, and they wait at full speed for work: of a short run that is a third of its
 * processor time. A later call of openblas_set_num_threads would begin them again. */
__attribute__((constructor)) static void one_thread(void) {
  openblas_set_num_threads(1);
  if (blas_thread_shutdown_) blas_thread_shutdown_();
  snprintf(library, sizeof library, "%s; %s", openblas_get_config(), openblas_get_corename());
}

const char *borel_linear_library(void) { return library; }

static void fill_nan(double *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) x[i] = NAN;
}

/* ---- Cholesky -------------------------------------------------------------------------------- */

static int large_cholesky(int64_t n, const double *a, double *l) {
  memcpy(l, a, (size_t)(n * n) * sizeof *l);
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, l, (lapack_int)n) != 0) return 0;
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(l[i * n + i])) return 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) l[i * n + j] = 0;
  return 1;
}

void borel_linear_cholesky(int64_t n, const double *a, double *l) {
  if (!(n <= BOREL_LINEAR_SMALL ? borel_small_cholesky : large_cholesky)(n, a, l)) fill_nan(l, n * n);
}

/* ---- triangular systems ---------------------------------------------------------------------- */

/* Fortran's names: those of CBLAS are in GSL too, and whichever the loader meets first is used. In its order
 * of elements the triangle l is an upper one, u = l', and rows of x are columns. */
static void triangle(char which, int transposed, char diagonal, int64_t n, int64_t m, const double *l,
                     double *x) {
  int size = (blasint)n, columns = (blasint)m, step = 1;
  char side = 'R', flipped = which == 'L' ? 'U' : 'L', as_is = 'N', other = 'T';
  double one = 1;
  if (m == 1) /* u' x = b is l x = b */
    dtrsv_(&flipped, transposed ? &as_is : &other, &diagonal, &size, l, &size, x, &step);
  else /* x' u = b' is l x = b */
    dtrsm_(&side, &flipped, transposed ? &other : &as_is, &diagonal, &columns, &size, &one, (double *)l,
           &size, x, &columns);
}

void borel_linear_solve_triangular(int64_t n, int64_t m, int transposed, const double *l, const double *b,
                                   double *x) {
  memcpy(x, b, (size_t)(n * m) * sizeof *x);
  if (n <= BOREL_LINEAR_SMALL)
    borel_small_solve_triangular(n, m, transposed, l, x);
  else
    triangle('L', transposed, 'N', n, m, l, x);
}

/* ---- positive definite matrices -------------------------------------------------------------- */

static int large_positive_inverse(int64_t n, const double *l, double *inverse) {
  memcpy(inverse, l, (size_t)(n * n) * sizeof *inverse);
  if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, inverse, (lapack_int)n) != 0) return 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) inverse[i * n + j] = inverse[j * n + i];
  return 1;
}

void borel_linear_positive_inverse(int64_t n, const double *l, double *inverse) {
  if (n <= BOREL_LINEAR_SMALL)
    borel_small_positive_inverse(n, l, inverse);
  else if (!large_positive_inverse(n, l, inverse))
    fill_nan(inverse, n * n);
}

/* One logarithm for as many pivots as fit into the range of numbers: a chain of roundings below eps/2 each.
 */
double borel_linear_log_det(int64_t n, const double *l) {
  double sum = 0, product = 1;
  for (int64_t i = 0; i < n; i++) {
    double pivot = l[i * n + i];
    product *= pivot;
    if (product > 1e-100 && product < 1e100) continue;
    sum += log(product);
    product = 1;
  }
  return 2 * (sum + log(product));
}

void borel_linear_mahalanobis(int64_t n, int64_t m, const double *z, double *squares) {
  if (m == 1) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += z[i] * z[i];
    *squares = sum;
    return;
  }
  for (int64_t j = 0; j < m; j++) squares[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < m; j++) squares[j] += z[i * m + j] * z[i * m + j];
}

/* ---- general systems ------------------------------------------------------------------------- */

/* Exchanges of rows, LAPACK's 1-based list, as numbers: the loop runs downwards, so that each is read before
 * the 8 bytes of its place are written. */
static void widen_pivots(int64_t n, double *row) {
  for (int64_t i = n; i-- > 0;) {
    lapack_int pivot;
    memcpy(&pivot, (const char *)row + (size_t)i * sizeof pivot, sizeof pivot);
    row[i] = (double)pivot;
  }
}

void borel_linear_lu(int64_t n, const double *a, double *lu) {
  double *pivots = lu + n * n;
  for (int64_t i = 0; i < n * n; i++)
    if (!isfinite(a[i])) {
      fill_nan(lu, n * (n + 1));
      return;
    }
  memcpy(lu, a, (size_t)(n * n) * sizeof *lu);
  /* a zero pivot (a positive result) stays in the factor, where a solution becomes infinite or NaN */
  if (LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)n, lu, (lapack_int)n,
                          (lapack_int *)(void *)pivots) < 0)
    fill_nan(lu, n * (n + 1));
  else
    widen_pivots(n, pivots);
}

static void exchange(int64_t n, int64_t m, int64_t i, const double *lu, double *x) {
  int64_t k = (int64_t)lu[n * n + i] - 1;
  for (int64_t j = 0; j < m && k != i; j++) {
    double kept = x[i * m + j];
    x[i * m + j] = x[k * m + j];
    x[k * m + j] = kept;
  }
}

static int is_singular(int64_t n, const double *lu) {
  for (int64_t i = 0; i < n; i++)
    if (isnan(lu[i * n + i]) || lu[i * n + i] == 0.0) return 1;
  return 0;
}

/* LAPACK factors our a' = P L U, so a = U' L' P' with U' in our lower and L' in our unit upper triangle. */
void borel_linear_solve(int64_t n, int64_t m, int transposed, const double *lu, const double *b, double *x) {
  if (is_singular(n, lu)) {
    fill_nan(x, n * m);
    return;
  }
  memcpy(x, b, (size_t)(n * m) * sizeof *x);
  if (transposed) {
    for (int64_t i = 0; i < n; i++) exchange(n, m, i, lu, x);
    triangle('U', 1, 'U', n, m, lu, x);
    triangle('L', 1, 'N', n, m, lu, x);
  } else {
    triangle('L', 0, 'N', n, m, lu, x);
    triangle('U', 0, 'U', n, m, lu, x);
    for (int64_t i = n; i-- > 0;) exchange(n, m, i, lu, x);
  }
}

double borel_linear_log_abs_det(int64_t n, const double *lu) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += log(fabs(lu[i * n + i]));
  return sum;
}

double borel_linear_det_sign(int64_t n, const double *lu) {
  double sign = 1;
  for (int64_t i = 0; i < n; i++) {
    double pivot = lu[i * n + i];
    if (isnan(pivot)) return NAN;
    sign *= (double)((pivot > 0) - (pivot < 0));
    if ((int64_t)lu[n * n + i] != i + 1) sign = -sign;
  }
  return sign;
}

/* ---- eigenvalues ----------------------------------------------------------------------------- */

static int is_finite_lower(int64_t n, const double *a) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++)
      if (!isfinite(a[i * n + j])) return 0;
  return 1;
}

/* An eigenvector's sign is free; LAPACK's choice is nobody's. */
static void fix_sign(int64_t n, double *vector) {
  int64_t largest = 0;
  for (int64_t i = 1; i < n; i++)
    if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
  if (vector[largest] < 0)
    for (int64_t i = 0; i < n; i++) vector[i] = -vector[i];
}

void borel_linear_eigh(int64_t n, const double *a, double *out) {
  double *vectors = out + n, *work = vectors + n * n;
  if (!is_finite_lower(n, a)) {
    fill_nan(out, n * (n + 1));
  } else {
    memcpy(vectors, a, (size_t)(n * n) * sizeof *vectors);
    if (LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, vectors, (lapack_int)n, out, work,
                           (lapack_int)(3 * n)) != 0)
      fill_nan(out, n * (n + 1)); /* it did not converge */
  }
  for (int64_t i = 0; i < n; i++) fix_sign(n, vectors + i * n);
  for (int64_t i = 0; i < n; i++) /* from rows to columns */
    for (int64_t j = i + 1; j < n; j++) {
      double kept = vectors[i * n + j];
      vectors[i * n + j] = vectors[j * n + i];
      vectors[j * n + i] = kept;
    }
  memset(work, 0, (size_t)(3 * n) * sizeof *work);
}
