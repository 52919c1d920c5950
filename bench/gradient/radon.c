/* SPDX-License-Identifier: MIT
 * u = log sigma_alpha, log sigma_y, mu, beta[2], z[J]; alpha = mu + sigma_alpha z[county],
 * y ~ normal(alpha + beta_1 uranium + beta_2 floor, sigma_y). Houses are sorted by county. */
#include "hand.h"

typedef struct {
  size_t houses, counties;
  double *y, *uranium, *floor, *e, *alpha; /* e: residuals */
  int *county, *start;                     /* of each house; [counties + 1]: first house of each */
} radon;

void *radon_prepare(const hand_data *d) {
  radon *r = malloc(sizeof *r);
  *r = (radon){d->size[0], (size_t)d->x[4][0]};
  r->y = malloc(8 * r->houses), r->uranium = malloc(8 * r->houses), r->floor = malloc(8 * r->houses);
  r->e = malloc(8 * r->houses), r->alpha = malloc(8 * r->counties);
  r->county = malloc(r->houses * sizeof *r->county), r->start = malloc((r->counties + 1) * sizeof *r->start);
  size_t n = 0;
  for (size_t j = 0; j < r->counties; j++) {
    r->start[j] = (int)n;
    for (size_t i = 0; i < r->houses; i++)
      if ((size_t)d->x[0][i] == j + 1)
        r->uranium[n] = d->x[1][i], r->floor[n] = d->x[2][i], r->y[n] = d->x[3][i], r->county[n++] = (int)j;
  }
  r->start[r->counties] = (int)n;
  return r;
}

double radon_gradient(const void *prepared, const double *u, double *g) {
  const radon *r = prepared;
  const double sigma_alpha = exp(u[0]), sigma = exp(u[1]), mu = u[2], b1 = u[3], b2 = u[4],
               precision = 1 / (sigma * sigma);
  const double *restrict y = r->y, *restrict x1 = r->uranium, *restrict x2 = r->floor, *restrict z = u + 5;
  double *restrict e = r->e, *restrict alpha = r->alpha;
  double by_mu = 0, by_b1 = 0, by_b2 = 0, by_alpha = 0, square = 0, z_square = 0;
  for (size_t j = 0; j < r->counties; j++) alpha[j] = mu + sigma_alpha * z[j];
#pragma omp simd reduction(+ : by_mu, by_b1, by_b2, square)
  for (size_t i = 0; i < r->houses; i++) {
    const double d = y[i] - (alpha[r->county[i]] + b1 * x1[i] + b2 * x2[i]);
    e[i] = d, by_mu += d, by_b1 += d * x1[i], by_b2 += d * x2[i], square += d * d;
  }
  for (size_t j = 0; j < r->counties; j++) {
    double here = 0;
    for (int i = r->start[j]; i < r->start[j + 1]; i++) here += e[i];
    by_alpha += here * z[j], z_square += z[j] * z[j];
    g[5 + j] = precision * sigma_alpha * here - z[j];
  }
  g[0] = precision * sigma_alpha * by_alpha - sigma_alpha * sigma_alpha + 1;
  g[1] = precision * square - (double)r->houses - sigma * sigma + 1;
  g[2] = precision * by_mu - 0.01 * mu;
  g[3] = precision * by_b1 - 0.01 * b1;
  g[4] = precision * by_b2 - 0.01 * b2;
  return -HALF_LOG_2PI * (double)(r->houses + r->counties + 5) - 3 * 2.30258509299404568402 +
         2 * 0.69314718055994530942 -
         0.5 * (precision * square + z_square + 0.01 * (mu * mu + b1 * b1 + b2 * b2) +
                sigma_alpha * sigma_alpha + sigma * sigma) -
         (double)r->houses * u[1] + u[0] + u[1];
}
