/* SPDX-License-Identifier: MIT
 * Rows four numbers at a time, in blocks that begin at multiples of 4: what a block holds beyond a triangle
 * or a row is computed along and not read. Every number is made of the same terms in the same order in
 * registers of any width.
 *
 * All loops are unrolled to the most rows there can be, and left where a matrix ends. The loops of triangles
 * turn another number of times whenever they are entered; a processor that guesses this number wrong waits
 * longer than the work takes, while the branches that leave unrolled ones always go the same way. */
#include "graph/linear_small.h"

#include <math.h>

#include "core/lanes.h"

enum { SMALL = BOREL_LINEAR_SMALL };

#define UNROLL _Pragma("GCC unroll 16")

/* ---- Cholesky -------------------------------------------------------------------------------- */

/* Row k of v is what is left of column k of a, of w the same over its first element, which is the square of
 * l_kk: the roots are taken aside, as nothing else waits for them. What is left of the diagonal has a place
 * of its own. */
BOREL_INLINE int cholesky_body(int64_t n, const double *a, double *l) {
  double v[SMALL][SMALL], w[SMALL][SMALL], left[SMALL];
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    UNROLL for (int j = i & ~3; j < SMALL; j += 4) BOREL_SET_FOUR(v[i] + j) = (borel_four){0};
  }
  UNROLL for (int j = 0; j < SMALL; j += 4) BOREL_SET_FOUR(left + j) = (borel_four){0};
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    UNROLL for (int j = 0; j <= i; j++) v[j][i] = a[i * n + j];
    left[i] = a[i * n + i];
  }
  UNROLL for (int k = 0; k < SMALL; k++) {
    if (k >= n) break;
    double pivot = left[k], root = sqrt(pivot);
    if (!(pivot > 0 && pivot < INFINITY)) return 0;
    UNROLL for (int j = k & ~3; j < SMALL; j += 4) {
      if (j >= n) break;
      borel_four row = BOREL_FOUR(v[k] + j), share;
      UNROLL for (int i = 0; i < k; i++) row -= w[i][k] * BOREL_FOUR(v[i] + j);
      BOREL_SET_FOUR(v[k] + j) = row;
      BOREL_SET_FOUR(w[k] + j) = share = row / pivot;
      BOREL_SET_FOUR(left + j) = BOREL_FOUR(left + j) - share * row;
    }
    l[k * n + k] = root;
    UNROLL for (int j = k + 1; j < SMALL; j++) {
      if (j >= n) break;
      l[j * n + k] = w[k][j] * root;
      l[k * n + j] = 0;
    }
  }
  return 1;
}
BOREL_WIDEST(int, cholesky, (int64_t n, const double *a, double *l), (n, a, l))

int borel_small_cholesky(int64_t n, const double *a, double *l) { return cholesky(n, a, l); }

/* ---- triangular systems ---------------------------------------------------------------------- */

/* One column, every m-th number of b. The latest unknown is subtracted last: the others need not wait for it.
 */
static void solve_forward(int64_t n, int64_t m, const double *l, double *b) {
  double x[SMALL];
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    double sum = b[i * m];
    UNROLL for (int k = 0; k < i; k++) sum -= l[i * n + k] * x[k];
    b[i * m] = x[i] = sum * (1 / l[i * n + i]);
  }
}
static void solve_backward(int64_t n, int64_t m, const double *l, double *b) {
  double x[SMALL] = {0};
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    x[i] = b[i * m];
  }
  UNROLL for (int i = SMALL - 1; i >= 0; i--) {
    if (i >= n) continue;
    b[i * m] = x[i] *= 1 / l[i * n + i];
    UNROLL for (int k = 0; k < i; k++) x[k] -= l[i * n + k] * x[i];
  }
}

/* Columns four at a time, as far as there are four; `inverse` of the diagonal. */
BOREL_INLINE void solve_fours_body(int64_t n, int64_t m, int transposed, const double *l,
                                   const double *inverse, double *b) {
  for (int64_t j = 0; j + 4 <= m; j += 4)
    for (int64_t step = 0; step < n; step++) {
      int64_t i = transposed ? n - 1 - step : step;
      borel_four sum = BOREL_FOUR(b + i * m + j);
      for (int64_t done = 0; done < step; done++) {
        int64_t k = transposed ? n - 1 - done : done;
        sum -= (transposed ? l[k * n + i] : l[i * n + k]) * BOREL_FOUR(b + k * m + j);
      }
      BOREL_SET_FOUR(b + i * m + j) = sum * inverse[i];
    }
}
BOREL_WIDEST_VOID(solve_fours,
                  (int64_t n, int64_t m, int transposed, const double *l, const double *inverse, double *b),
                  (n, m, transposed, l, inverse, b))

void borel_small_solve_triangular(int64_t n, int64_t m, int transposed, const double *l, double *x) {
  double inverse[SMALL];
  for (int64_t i = 0; i < n && m >= 4; i++) inverse[i] = 1 / l[i * n + i];
  if (m >= 4) solve_fours(n, m, transposed, l, inverse, x);
  for (int64_t j = m & ~3; j < m; j++) (transposed ? solve_backward : solve_forward)(n, m, l, x + j);
}

/* ---- inverse --------------------------------------------------------------------------------- */

/* The lower triangle of w' w with w = l^-1, and the same above it. */
BOREL_INLINE void positive_inverse_body(int64_t n, const double *l, double *inverse) {
  static const double unit[2 * SMALL] = {[SMALL] = 1}; /* from SMALL - i: row i of the identity */
  double w[SMALL][SMALL], row[SMALL];
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    double by = 1 / l[i * n + i];
    UNROLL for (int j = 0; j <= i; j += 4) {
      borel_four sum = BOREL_FOUR(unit + SMALL - i + j);
      UNROLL for (int k = j; k < i; k++) sum -= l[i * n + k] * BOREL_FOUR(w[k] + j);
      BOREL_SET_FOUR(w[i] + j) = sum * by;
    }
  }
  UNROLL for (int i = 0; i < SMALL; i++) {
    if (i >= n) break;
    UNROLL for (int j = 0; j <= i; j += 4) {
      borel_four sum = {0};
      UNROLL for (int k = i; k < SMALL; k++) {
        if (k >= n) break;
        sum += w[k][i] * BOREL_FOUR(w[k] + j);
      }
      BOREL_SET_FOUR(row + j) = sum;
    }
    UNROLL for (int j = 0; j <= i; j++) inverse[i * n + j] = inverse[j * n + i] = row[j];
  }
}
BOREL_WIDEST_VOID(positive_inverse, (int64_t n, const double *l, double *inverse), (n, l, inverse))

void borel_small_positive_inverse(int64_t n, const double *l, double *inverse) {
  positive_inverse(n, l, inverse);
}
