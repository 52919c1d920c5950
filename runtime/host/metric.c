/* SPDX-License-Identifier: MIT
 * The map u = L y of a metric, L = diag(scale) B. */
#include "host/metric.h"

#include "core/lanes.h"
#include "host/low_rank.h"

#include <string.h>

/* ---- B is I ---------------------------------------------------------------------------------- */

BOREL_INLINE void push_scaled(const double *scale, double step, const double *y, const double *u, double *out,
                              size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    BOREL_SET_FOUR(out + i) = BOREL_FOUR(u + i) + step * (BOREL_FOUR(scale + i) * BOREL_FOUR(y + i));
  for (; i < n; i++) out[i] = u[i] + step * (scale[i] * y[i]);
}

BOREL_INLINE void pull_scaled(const double *scale, const double *gradient, double *force, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) BOREL_SET_FOUR(force + i) = BOREL_FOUR(scale + i) * BOREL_FOUR(gradient + i);
  for (; i < n; i++) force[i] = scale[i] * gradient[i];
}

/* ---- B is lower triangular ------------------------------------------------------------------- */

/* Four rows share what they read of y; the triangle at their ends is small. */
BOREL_INLINE void push_root(const borel_metric *m, double step, const double *y, const double *u,
                            double *out) {
  size_t D = m->D, i = 0;
  double product[4];
  for (; i + 4 <= D; i += 4) {
    const double *rows = m->root + i * D;
    borel_dots(rows, D, 4, y, i, product);
    for (size_t k = 0; k < 4; k++) {
      for (size_t j = i; j <= i + k; j++) product[k] += rows[k * D + j] * y[j];
      out[i + k] = u[i + k] + step * (m->scale[i + k] * product[k]);
    }
  }
  for (; i < D; i++) {
    borel_dots(m->root + i * D, D, 1, y, i + 1, product);
    out[i] = u[i] + step * (m->scale[i] * product[0]);
  }
}

BOREL_INLINE void pull_root(const borel_metric *m, const double *gradient, double *force) {
  size_t D = m->D, i = 0;
  memset(force, 0, D * sizeof *force);
  for (; i + 4 <= D; i += 4) {
    const double *rows = m->root + i * D;
    double scaled[4];
    for (size_t k = 0; k < 4; k++) scaled[k] = m->scale[i + k] * gradient[i + k];
    borel_add_rows(rows, D, 4, scaled, force, force, i);
    for (size_t k = 0; k < 4; k++)
      for (size_t j = i; j <= i + k; j++) force[j] += rows[k * D + j] * scaled[k];
  }
  for (; i < D; i++) {
    double scaled = m->scale[i] * gradient[i];
    borel_add_rows(m->root + i * D, D, 1, &scaled, force, force, i + 1);
  }
}

/* ---- B is I and directions ------------------------------------------------------------------- */

/* along [rows] = (stretch - 1) times the products of y with directions k, k + 1, ... */
BOREL_INLINE void along_rows(const borel_metric *m, size_t k, size_t rows, const double *y, double *along) {
  borel_dots(m->directions + k * m->D, m->D, rows, y, m->D, along);
#pragma GCC unroll 4
  for (size_t j = 0; j < rows; j++) along[j] *= m->stretch[k + j] - 1;
}

BOREL_INLINE void along_directions(const borel_metric *m, const double *y, double *along) {
  size_t k = 0;
  for (; k + 4 <= m->rank; k += 4) along_rows(m, k, 4, y, along + k);
  for (; k < m->rank; k++) along_rows(m, k, 1, y, along + k);
}

/* to [n] = from + the directions, from element `first` on, times along; the rank is not 0. */
BOREL_INLINE void add_directions(const borel_metric *m, const double *along, size_t first, const double *from,
                                 double *to, size_t n) {
  const double *rows = m->directions + first;
  size_t D = m->D, k = 0;
  for (; k + 4 <= m->rank; k += 4, from = to) borel_add_rows(rows + k * D, D, 4, along + k, from, to, n);
  for (; k < m->rank; k++, from = to) borel_add_rows(rows + k * D, D, 1, along + k, from, to, n);
}

enum { PIECE = 128 }; /* elements that stay in the nearest cache while directions are added */

BOREL_INLINE void push_directions(const borel_metric *m, double step, const double *y, const double *u,
                                  double *out) {
  double along[BOREL_LOW_RANK], sum[PIECE];
  along_directions(m, y, along);
  for (size_t first = 0; first < m->D; first += PIECE) {
    size_t n = m->D - first < PIECE ? m->D - first : PIECE;
    add_directions(m, along, first, y + first, sum, n);
    push_scaled(m->scale + first, step, sum, u + first, out + first, n);
  }
}

BOREL_INLINE void pull_directions(const borel_metric *m, const double *gradient, double *force) {
  double along[BOREL_LOW_RANK];
  pull_scaled(m->scale, gradient, force, m->D);
  along_directions(m, force, along);
  for (size_t first = 0; first < m->D; first += PIECE)
    add_directions(m, along, first, force + first, force + first,
                   m->D - first < PIECE ? m->D - first : PIECE);
}

/* ---- any metric ------------------------------------------------------------------------------ */

BOREL_INLINE void push_body(const borel_metric *m, double step, const double *y, const double *u,
                            double *out) {
  if (m->root)
    push_root(m, step, y, u, out);
  else if (m->rank)
    push_directions(m, step, y, u, out);
  else
    push_scaled(m->scale, step, y, u, out, m->D);
}

BOREL_INLINE void pull_body(const borel_metric *m, const double *gradient, double *force) {
  if (m->root)
    pull_root(m, gradient, force);
  else if (m->rank)
    pull_directions(m, gradient, force);
  else
    pull_scaled(m->scale, gradient, force, m->D);
}

BOREL_WIDEST_VOID(push, (const borel_metric *m, double step, const double *y, const double *u, double *out),
                  (m, step, y, u, out))
BOREL_WIDEST_VOID(pull, (const borel_metric *m, const double *gradient, double *force), (m, gradient, force))

void borel_metric_push(const borel_metric *m, double step, const double *y, const double *u, double *out) {
  push(m, step, y, u, out);
}

void borel_metric_pull(const borel_metric *m, const double *gradient, double *force) {
  pull(m, gradient, force);
}
