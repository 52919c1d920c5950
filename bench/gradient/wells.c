/* SPDX-License-Identifier: MIT
 * u = alpha, beta[6]; switched ~ bernoulli(inv_logit(alpha + X beta)), X three centred predictors and their
 * products. */
#include "hand.h"

typedef struct {
  size_t rows;
  double *x[6], *sign, total[7]; /* sign: 1 where switched, else -1; columns are multiplied by it */
} wells;

void *wells_prepare(const hand_data *d) {
  wells *w = malloc(sizeof *w);
  static const double scale[3] = {100, 1, 4};
  w->rows = d->size[0];
  w->sign = malloc(8 * w->rows);
  for (int k = 0; k < 6; k++) w->x[k] = malloc(8 * w->rows);
  for (int k = 0; k < 3; k++) {
    double mean = 0;
    for (size_t i = 0; i < w->rows; i++) mean += d->x[k][i];
    mean /= (double)w->rows;
    for (size_t i = 0; i < w->rows; i++) w->x[k][i] = (d->x[k][i] - mean) / scale[k];
  }
  for (size_t i = 0; i < w->rows; i++) {
    const double s = d->x[3][i] != 0 ? 1 : -1, a = w->x[0][i], b = w->x[1][i], c = w->x[2][i];
    w->sign[i] = s;
    w->x[0][i] = s * a, w->x[1][i] = s * b, w->x[2][i] = s * c;
    w->x[3][i] = s * a * b, w->x[4][i] = s * a * c, w->x[5][i] = s * b * c;
  }
  return w;
}

/* With labels in the sign of the predictors the density is the sum of -log(1 + exp(-eta)). */
double wells_gradient(const void *prepared, const double *u, double *g) {
  const wells *w = prepared;
  const double *restrict s = w->sign, *restrict a = w->x[0], *restrict b = w->x[1], *restrict c = w->x[2],
                         *restrict d = w->x[3], *restrict e = w->x[4], *restrict f = w->x[5];
  double value = 0, g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0;
  const double u0 = u[0], u1 = u[1], u2 = u[2], u3 = u[3], u4 = u[4], u5 = u[5], u6 = u[6];
#pragma omp simd reduction(+ : value, g0, g1, g2, g3, g4, g5, g6)
  for (size_t i = 0; i < w->rows; i++) {
    const double eta = u0 * s[i] + u1 * a[i] + u2 * b[i] + u3 * c[i] + u4 * d[i] + u5 * e[i] + u6 * f[i];
    const double t = exp(-fabs(eta)), r = (eta > 0 ? t : 1.0) / (1 + t);
    value += (eta < 0 ? eta : 0.0) - log1p(t);
    g0 += r * s[i], g1 += r * a[i], g2 += r * b[i], g3 += r * c[i], g4 += r * d[i], g5 += r * e[i],
        g6 += r * f[i];
  }
  g[0] = g0, g[1] = g1, g[2] = g2, g[3] = g3, g[4] = g4, g[5] = g5, g[6] = g6;
  return value;
}
