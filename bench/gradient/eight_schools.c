/* SPDX-License-Identifier: MIT
 * u = mu, log tau, z[8]: mu ~ normal(0, 5), tau ~ half-Cauchy(5), z ~ normal(0, 1), y ~ normal(mu + tau z,
 * sigma). */
#include "hand.h"

typedef struct {
  vec y[2], precision[2];
  double constant;
} schools;

void *eight_schools_prepare(const hand_data *d) {
  schools *s = malloc(sizeof *s);
  s->constant = 0.69314718055994530942 - 1.14472988584940017414 - 17 * HALF_LOG_2PI - 2 * log(5);
  for (int i = 0; i < 8; i++) {
    const double sigma = d->x[1][i];
    s->y[i / 4][i % 4] = d->x[0][i];
    s->precision[i / 4][i % 4] = 1 / (sigma * sigma);
    s->constant -= log(sigma);
  }
  return s;
}

double eight_schools_gradient(const void *prepared, const double *u, double *g) {
  const schools *s = prepared;
  const double mu = u[0], tau = exp(u[1]), t = 0.04 * tau * tau;
  const vec *z = (const vec *)(u + 2);
  vec *gz = (vec *)(g + 2), by_mu = {0}, by_tau = {0}, square = {0};
  for (int k = 0; k < 2; k++) {
    const vec r = s->y[k] - (mu + tau * z[k]), w = s->precision[k] * r;
    by_mu += w, by_tau += w * z[k], square += w * r + z[k] * z[k];
    gz[k] = tau * w - z[k];
  }
  g[0] = add4(by_mu) - 0.04 * mu;
  g[1] = tau * add4(by_tau) + 1 - 2 * t / (1 + t);
  return s->constant - 0.5 * (add4(square) + 0.04 * mu * mu) + u[1] - log1p(t);
}
