/* SPDX-License-Identifier: MIT
 * Rows four numbers at a time, in blocks that begin at multiples of 4: what a block holds beyond a triangle
 * or a row is computed along and not read. Every number is made of the same terms in the same order in
 * registers of any width. */
#include "graph/linear_small.h"

#include <math.h>
#include <string.h>

#include "core/lanes.h"

enum { SMALL = BOREL_LINEAR_SMALL };

/* ---- Cholesky -------------------------------------------------------------------------------- */

/* Row k of v is what is left of column k of a, of w the same over its first element, which is the square of
 * l_kk: the roots are taken aside, as nothing else waits for them. What is left of the diagonal has a place
 * of its own. */
BOREL_INLINE int cholesky_body(int64_t n, const double *a, double *l) {
  double v[SMALL][SMALL], w[SMALL][SMALL], left[SMALL] = {0};
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j += 4) BOREL_SET_FOUR(v[i] + j) = (borel_four){0};
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j <= i; j++) v[j][i] = a[i * n + j];
    left[i] = a[i * n + i];
  }
  memset(l, 0, (size_t)(n * n) * sizeof *l);
  for (int64_t k = 0; k < n; k++) {
    double pivot = left[k], root = sqrt(pivot);
    if (!(pivot > 0 && pivot < INFINITY)) return 0;
    for (int64_t j = k & ~3; j < n; j += 4) {
      borel_four row = BOREL_FOUR(v[k] + j), share;
      for (int64_t i = 0; i < k; i++) row -= w[i][k] * BOREL_FOUR(v[i] + j);
      BOREL_SET_FOUR(v[k] + j) = row;
      BOREL_SET_FOUR(w[k] + j) = share = row / pivot;
      BOREL_SET_FOUR(left + j) = BOREL_FOUR(left + j) - share * row;
    }
    l[k * n + k] = root;
    for (int64_t j = k + 1; j < n; j++) l[j * n + k] = w[k][j] * root;
  }
  return 1;
}
BOREL_WIDEST(int, cholesky, (int64_t n, const double *a, double *l), (n, a, l))

int borel_small_cholesky(int64_t n, const double *a, double *l) { return cholesky(n, a, l); }

/* ---- triangular systems ---------------------------------------------------------------------- */

/* Columns j .. j + width - 1 of x, whose unknowns stay in registers while a row is made. */
BOREL_INLINE void solve_columns(int64_t n, int64_t m, int transposed, const double *l, const double *inverse,
                                double *x, int width) {
  for (int64_t step = 0; step < n; step++) {
    int64_t i = transposed ? n - 1 - step : step;
    double sum[4];
    for (int j = 0; j < width; j++) sum[j] = x[i * m + j];
    for (int64_t done = 0; done < step;
         done++) { /* the latest unknown last: the others need not wait for it */
      int64_t k = transposed ? n - 1 - done : done;
      double factor = transposed ? l[k * n + i] : l[i * n + k];
      for (int j = 0; j < width; j++) sum[j] -= factor * x[k * m + j];
    }
    for (int j = 0; j < width; j++) x[i * m + j] = sum[j] * inverse[i];
  }
}

void borel_small_solve_triangular(int64_t n, int64_t m, int transposed, const double *l, double *x) {
  double inverse[SMALL];
  int64_t j = 0;
  for (int64_t i = 0; i < n; i++) inverse[i] = 1 / l[i * n + i];
  for (; j + 4 <= m; j += 4) solve_columns(n, m, transposed, l, inverse, x + j, 4);
  for (; j < m; j++) solve_columns(n, m, transposed, l, inverse, x + j, 1);
}

/* ---- inverse --------------------------------------------------------------------------------- */

/* The lower triangle of w' w with w = l^-1, and the same above it. */
BOREL_INLINE void positive_inverse_body(int64_t n, const double *l, double *inverse) {
  static const double unit[2 * SMALL] = {[SMALL] = 1}; /* from SMALL - i: row i of the identity */
  double w[SMALL][SMALL], row[SMALL];
  for (int64_t i = 0; i < n; i++) {
    double by = 1 / l[i * n + i];
    for (int64_t j = 0; j <= i; j += 4) {
      borel_four sum = BOREL_FOUR(unit + SMALL - i + j);
      for (int64_t k = j; k < i; k++) sum -= l[i * n + k] * BOREL_FOUR(w[k] + j);
      BOREL_SET_FOUR(w[i] + j) = sum * by;
    }
  }
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j <= i; j += 4) {
      borel_four sum = {0};
      for (int64_t k = i; k < n; k++) sum += w[k][i] * BOREL_FOUR(w[k] + j);
      BOREL_SET_FOUR(row + j) = sum;
    }
    for (int64_t j = 0; j <= i; j++) inverse[i * n + j] = inverse[j * n + i] = row[j];
  }
}
BOREL_WIDEST_VOID(positive_inverse, (int64_t n, const double *l, double *inverse), (n, l, inverse))

void borel_small_positive_inverse(int64_t n, const double *l, double *inverse) {
  positive_inverse(n, l, inverse);
}
