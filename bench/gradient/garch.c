/* SPDX-License-Identifier: MIT
 * u = mu, log alpha0, logit alpha1, logit of beta1 / (1 - alpha1);
 * v_t = alpha0 + alpha1 (y_{t-1} - mu)^2 + beta1 v_{t-1}, y_t ~ normal(mu, sqrt(v_t)). */
#include "hand.h"

typedef struct {
  size_t days;
  double v1, *y, *e, *v, *w; /* residuals, variances, derivatives by these */
} garch;

void *garch_prepare(const hand_data *d) {
  garch *m = malloc(sizeof *m);
  size_t bytes = 8 * d->size[0] + 64;
  *m = (garch){d->size[0],    d->x[1][0] * d->x[1][0], malloc(bytes),
               malloc(bytes), malloc(bytes),           malloc(bytes)};
  for (size_t t = 0; t < m->days; t++) m->y[t] = d->x[0][t];
  return m;
}

static double inv_logit(double x) { return 1 / (1 + exp(-x)); }
/* log of p (1 - p) for p = inv_logit(x) */
static double log_slope(double x) { return -fabs(x) - 2 * log1p(exp(-fabs(x))); }

/* The only chains of dependent operations are that of the variances and, backwards, that of their adjoints.
 */
double garch_gradient(const void *prepared, const double *u, double *g) {
  const garch *m = prepared;
  const size_t T = m->days;
  double *restrict e = m->e, *restrict v = m->v, *restrict w = m->w;
  const double *restrict y = m->y;
  const double mu = u[0], a0 = exp(u[1]), a1 = inv_logit(u[2]), share = inv_logit(u[3]),
               b1 = (1 - a1) * share;
  double now = m->v1;
  for (size_t t = 0; t < T; t++) {
    const double r = y[t] - mu;
    e[t] = r, v[t] = now;
    now = (a0 + a1 * (r * r)) + b1 * now;
  }
  double value = 0, by_mu = 0;
#pragma omp simd reduction(+ : value, by_mu)
  for (size_t t = 0; t < T; t++) {
    const double p = 1 / v[t], z = e[t] * p, q = e[t] * z;
    value -= 0.5 * (log(v[t]) + q);
    by_mu += z;
    w[t] = 0.5 * p * (q - 1);
  }
  double adjoint = 0;
  for (size_t t = T - 1; t > 0; t--) w[t] = adjoint = w[t] + b1 * adjoint;
  double by_a0 = 0, by_a1 = 0, by_b1 = 0, by_e = 0;
#pragma omp simd reduction(+ : by_a0, by_a1, by_b1, by_e)
  for (size_t t = 1; t < T; t++) {
    by_a0 += w[t], by_a1 += w[t] * (e[t - 1] * e[t - 1]), by_b1 += w[t] * v[t - 1], by_e += w[t] * e[t - 1];
  }
  const double spread = a1 * (1 - a1);
  g[0] = by_mu - 2 * a1 * by_e;
  g[1] = 1 + a0 * by_a0;
  g[2] = 1 - 2 * a1 + spread * (by_a1 - share * by_b1 - 1 / (1 - a1));
  g[3] = 1 - 2 * share + by_b1 * (1 - a1) * share * (1 - share);
  return value - HALF_LOG_2PI * (double)T + u[1] + log_slope(u[2]) + log_slope(u[3]) + log(1 - a1);
}
