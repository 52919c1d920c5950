/* SPDX-License-Identifier: MIT
 * u = log sigma_theta, theta[J], log sigma_a, log a[I], mu_b, log sigma_b, b[I];
 * y[i, j] ~ bernoulli(inv_logit(a_i (theta_j - b_i))), half-Cauchy(2) scales, a ~ lognormal(0, sigma_a). */
#include "hand.h"

typedef struct {
  size_t items, persons;
  double *sign; /* [items, persons]: 1 where the answer is right, else -1 */
} irt;

void *irt_prepare(const hand_data *d) {
  irt *m = malloc(sizeof *m);
  *m = (irt){(size_t)d->x[1][0], (size_t)d->x[2][0], malloc(8 * d->size[0])};
  for (size_t k = 0; k < d->size[0]; k++) m->sign[k] = d->x[0][k] != 0 ? 1 : -1;
  return m;
}

/* log half-Cauchy(2) of exp(s), with the Jacobian; adds its derivative to *g */
static double half_cauchy(double s, double square, double *g) {
  const double t = 0.25 * square;
  *g += 1 - 2 * t / (1 + t);
  return s - log1p(t) - 1.14472988584940017414;
}

double irt_gradient(const void *prepared, const double *u, double *g) {
  const irt *m = prepared;
  const size_t I = m->items, J = m->persons;
  const double *restrict theta = u + 1, *log_a = u + 2 + J, *b = log_a + I + 2;
  double *restrict g_theta = g + 1, *g_a = g + 2 + J, *g_b = g_a + I + 2;
  const double mu = log_a[I], v_theta = exp(2 * u[0]), v_a = exp(2 * u[1 + J]), v_b = exp(2 * log_a[I + 1]),
               p_theta = 1 / v_theta, p_a = 1 / v_a, p_b = 1 / v_b;
  double value = -HALF_LOG_2PI * (double)(J + 2 * I + 1) - 1.60943791243410037460, squares = 0;
#pragma omp simd reduction(+ : squares)
  for (size_t j = 0; j < J; j++) squares += theta[j] * theta[j], g_theta[j] = -p_theta * theta[j];
  double a_squares = 0, b_squares = 0, b_sum = 0;
  for (size_t i = 0; i < I; i++) {
    const double a = exp(log_a[i]), bi = b[i], *restrict s = m->sign + i * J;
    double terms = 0, by_eta = 0, by_a = 0;
#pragma omp simd reduction(+ : terms, by_eta, by_a)
    for (size_t j = 0; j < J; j++) {
      const double x = theta[j] - bi, eta = s[j] * (a * x), t = exp(-fabs(eta));
      const double r = s[j] * ((eta > 0 ? t : 1.0) / (1 + t));
      terms += (eta < 0 ? eta : 0.0) - log1p(t);
      by_eta += r, by_a += r * x, g_theta[j] += a * r;
    }
    value += terms;
    a_squares += log_a[i] * log_a[i];
    b_squares += (bi - mu) * (bi - mu), b_sum += bi - mu;
    g_a[i] = a * by_a - p_a * log_a[i];
    g_b[i] = -a * by_eta - p_b * (bi - mu);
  }
  g[0] = p_theta * squares - (double)J;
  g[1 + J] = p_a * a_squares - (double)I;
  g[2 + J + I] = p_b * b_sum - 0.04 * mu;
  g[3 + J + I] = p_b * b_squares - (double)I;
  value -= 0.5 * (p_theta * squares + p_a * a_squares + p_b * b_squares + 0.04 * mu * mu);
  value -= (double)J * u[0] + (double)I * (u[1 + J] + log_a[I + 1]);
  value += half_cauchy(u[0], v_theta, g) + half_cauchy(u[1 + J], v_a, g + 1 + J);
  return value + half_cauchy(log_a[I + 1], v_b, g + 3 + J + I);
}
