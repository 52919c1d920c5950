/* SPDX-License-Identifier: MIT
 * The map u = L y of a metric, L = diag(scale) B. */
#include "host/metric.h"

#include "host/low_rank.h"

/* ---- u + step L y ---------------------------------------------------------------------------- */

static double dot(const double *x, const double *y, size_t n) {
  double sum[4] = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t j = 0; j < 4; j++) sum[j] += x[i + j] * y[i + j];
  for (; i < n; i++) sum[0] += x[i] * y[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void push_root(const borel_metric *m, double step, const double *y, const double *u, double *out) {
  for (size_t i = 0; i < m->D; i++) out[i] = u[i] + step * (m->scale[i] * dot(m->root + i * m->D, y, i + 1));
}

static void push_directions(const borel_metric *m, double step, const double *y, const double *u,
                            double *out) {
  double along[BOREL_LOW_RANK];
  for (size_t k = 0; k < m->rank; k++)
    along[k] = (m->stretch[k] - 1) * dot(m->directions + k * m->D, y, m->D);
  for (size_t i = 0; i < m->D; i++) {
    double sum = y[i];
    for (size_t k = 0; k < m->rank; k++) sum += along[k] * m->directions[k * m->D + i];
    out[i] = u[i] + step * (m->scale[i] * sum);
  }
}

void borel_metric_push(const borel_metric *m, double step, const double *y, const double *u, double *out) {
  if (m->root)
    push_root(m, step, y, u, out);
  else if (m->rank)
    push_directions(m, step, y, u, out);
  else
    for (size_t i = 0; i < m->D; i++) out[i] = u[i] + step * (m->scale[i] * y[i]);
}

/* ---- L' gradient ----------------------------------------------------------------------------- */

void borel_metric_pull(const borel_metric *m, const double *gradient, double *force) {
  if (m->root) {
    for (size_t i = 0; i < m->D; i++) {
      double scaled = m->scale[i] * gradient[i];
      const double *row = m->root + i * m->D;
      force[i] = row[i] * scaled;
      for (size_t j = 0; j < i; j++) force[j] += row[j] * scaled;
    }
    return;
  }
  for (size_t i = 0; i < m->D; i++) force[i] = m->scale[i] * gradient[i];
  for (size_t k = 0; k < m->rank; k++) { /* directions are orthonormal: one after the other */
    const double *direction = m->directions + k * m->D;
    double along = (m->stretch[k] - 1) * dot(direction, force, m->D);
    for (size_t i = 0; i < m->D; i++) force[i] += along * direction[i];
  }
}
