/* SPDX-License-Identifier: MIT
 * A few rows of a call at a time, one in each lane of a vector: results of a row do not depend on the others,
 * nor on whether there are any. */
#ifndef GAUSSIAN_MIXTURE_GROUP_H
#define GAUSSIAN_MIXTURE_GROUP_H

#include "mixture.h"

#include <math.h>
#include <string.h>

enum { LANES = 4 }; /* a register of AVX2; wider vectors would live in memory */
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

/* Shares below it are none: what they would add is lost in rounding, and components without a share cost
 * nothing more. */
#define LEAST_SHARE 1e-24

/* The rows of a group and what their levels make of the components. */
typedef struct {
  size_t first;          /* row in lane 0 */
  lanes alpha, variance; /* sigma^2 */
  lanes *x;              /* [D]: with the shift, less (1 - alpha) shift */
  lanes *w;              /* [K, D]: x - alpha m_k along the axes of S_k */
  lanes *inverse;        /* [K, D]: 1 / (alpha^2 l + sigma^2) */
  lanes *determinant;    /* [K]: log of the product of the variances */
  lanes *share;          /* [K]: weights of the components given x, after `weigh` */
  lanes *mean;           /* [D] */
  lanes *room[3];        /* [D] each */
  lanes logdensity;      /* after `weigh`, without the constant of 2 pi */
} group;

/* to = M from, M [D, D]; sums go from the first column to the last. Several rows of M at once, since each sum
 * waits for its last addition. */
FOR_EACH_MACHINE static void product(size_t D, const double *restrict transposed, const lanes *restrict from,
                                     lanes *restrict to) {
  size_t i = 0;
  for (; i + 8 <= D; i += 8) {
    lanes a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
    for (size_t j = 0; j < D; j++) {
      const double *m = transposed + j * D + i;
      const lanes one = from[j];
      a += m[0] * one;
      b += m[1] * one;
      c += m[2] * one;
      d += m[3] * one;
      e += m[4] * one;
      f += m[5] * one;
      g += m[6] * one;
      h += m[7] * one;
    }
    to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
    to[i + 4] = e, to[i + 5] = f, to[i + 6] = g, to[i + 7] = h;
  }
  for (; i < D; i++) {
    lanes a = {0};
    for (size_t j = 0; j < D; j++) a += transposed[j * D + i] * from[j];
    to[i] = a;
  }
}

/* Along the axes of S_k, Q_k' from, and back, Q_k from. */
static void turn(const mixture *self, size_t k, const lanes *from, lanes *to) {
  if (self->rotation)
    product(self->D, self->rotation + k * self->D * self->D, from, to);
  else
    memcpy(to, from, self->D * sizeof *to);
}

static void turn_back(const mixture *self, size_t k, const lanes *from, lanes *to) {
  if (self->rotation)
    product(self->D, self->transposed + k * self->D * self->D, from, to);
  else
    memcpy(to, from, self->D * sizeof *to);
}

/* Variances of all components. One logarithm for four of them; products of more could leave the range. w,
 * which is not there yet, keeps the products. */
FOR_EACH_MACHINE static void prepare(const mixture *self, group *e) {
  size_t D = self->D, each = (D + 3) / 4;
  const lanes alpha = e->alpha, variance = e->variance;
  for (size_t k = 0; k < self->K; k++)
    for (size_t d = 0; d < D; d++) {
      lanes total = alpha * alpha * self->spread[k * D + d] + variance, *four = &e->w[k * each + d / 4];
      e->inverse[k * D + d] = 1 / total;
      if (d % 4)
        *four *= total;
      else
        *four = total;
    }
  self->host->elementary->log(self->K * each * LANES, (const double *)e->w, (double *)e->w);
  for (size_t k = 0; k < self->K; k++) {
    lanes sum = {0};
    for (size_t i = 0; i < each; i++) sum += e->w[k * each + i];
    e->determinant[k] = sum;
  }
}

/* w of component k, and its log-density with its weight. */
FOR_EACH_MACHINE static void component_at(const mixture *self, size_t k, group *e, lanes *logdensity) {
  size_t D = self->D;
  const double *mean = self->means + k * D;
  const lanes alpha = e->alpha, *x = e->x, *inverse = e->inverse + k * D;
  lanes *v = e->room[0], *w = e->w + k * D, square = {0};
  for (size_t d = 0; d < D; d++) v[d] = x[d] - alpha * mean[d];
  turn(self, k, v, w);
  for (size_t d = 0; d < D; d++) square += w[d] * w[d] * inverse[d];
  *logdensity = self->log_weights[k] - (square + e->determinant[k]) / 2;
}

/* Shares of the components, and the log-density, of the rows of a group. */
FOR_EACH_MACHINE static void weigh(const mixture *self, group *e) {
  size_t K = self->K;
  double *logs = (double *)e->share;
  lanes highest, total = {0};
  for (size_t l = 0; l < LANES; l++) highest[l] = -INFINITY;
  for (size_t k = 0; k < K; k++) {
    component_at(self, k, e, &e->share[k]);
    for (size_t l = 0; l < LANES; l++) highest[l] = fmax(highest[l], logs[k * LANES + l]);
  }
  for (size_t k = 0; k < K; k++) e->share[k] -= highest;
  self->host->elementary->exp(K * LANES, logs, logs);
  for (size_t k = 0; k < K; k++) total += e->share[k];
  for (size_t k = 0; k < K; k++) e->share[k] /= total;
  for (size_t i = 0; i < K * LANES; i++)
    if (logs[i] < LEAST_SHARE) logs[i] = 0;
  self->host->elementary->log(LANES, (const double *)&total, (double *)&total);
  e->logdensity = highest + total;
}

static int has_share(const group *e, size_t k) {
  for (size_t l = 0; l < LANES; l++)
    if (e->share[k][l] != 0) return 1; /* or is not a number */
  return 0;
}

/* e->mean = E[x0 | x]: sum of r_k (m_k + Q_k c w), c = alpha l / (alpha^2 l + sigma^2). */
FOR_EACH_MACHINE static void predict(const mixture *self, group *e) {
  size_t D = self->D;
  const lanes alpha = e->alpha;
  lanes *v = e->room[0], *back = e->room[1];
  memset(e->mean, 0, D * sizeof *e->mean);
  for (size_t k = 0; k < self->K; k++) {
    if (!has_share(e, k)) continue;
    const lanes *w = e->w + k * D, *inverse = e->inverse + k * D, share = e->share[k];
    const double *mean = self->means + k * D, *spread = self->spread + k * D;
    for (size_t d = 0; d < D; d++) v[d] = alpha * spread[d] * inverse[d] * w[d];
    turn_back(self, k, v, back);
    for (size_t d = 0; d < D; d++) e->mean[d] += share * (mean[d] + back[d]);
  }
}

/* out = J dx + what the level adds, along dx and dlevel of ln alpha and ln sigma; `mean` is there. Component
 * k gives r (dg + (g - mean) dlog), g being its own prediction and dlog how the log of its density changes.
 */
FOR_EACH_MACHINE static void differentiate(const mixture *self, const group *e, const lanes *dx,
                                           const lanes *dlevel, lanes *out) {
  size_t D = self->D;
  const lanes alpha = e->alpha, da = dlevel[0], ds = dlevel[1];
  lanes *v = e->room[0], *dw = e->room[1];
  memset(out, 0, D * sizeof *out);
  for (size_t k = 0; k < self->K; k++) {
    if (!has_share(e, k)) continue;
    const lanes *w = e->w + k * D, *inverse = e->inverse + k * D, share = e->share[k];
    const double *mean = self->means + k * D, *spread = self->spread + k * D;
    lanes dlog = {0};
    for (size_t d = 0; d < D; d++) v[d] = dx[d] - alpha * da * mean[d];
    turn(self, k, v, dw);
    for (size_t d = 0; d < D; d++) {
      lanes grown = 2 * (alpha * alpha * spread[d] * da + e->variance * ds) * inverse[d]; /* dV / V */
      lanes step = w[d] * inverse[d];
      dlog += (step * w[d] - 1) * grown / 2 - step * dw[d];
      dw[d] += w[d] * (da - grown);
    }
    for (size_t d = 0; d < D; d++) v[d] = alpha * spread[d] * inverse[d] * (dw[d] + dlog * w[d]);
    turn_back(self, k, v, dw);
    for (size_t d = 0; d < D; d++) out[d] += share * (dw[d] + dlog * (mean[d] - e->mean[d]));
  }
}

/* out = the diagonal of J; `mean` is there. Component k gives r (Q c Q' - (g - mean) u'), u = Q (w / V). */
FOR_EACH_MACHINE static void diagonal_of(const mixture *self, const group *e, lanes *out) {
  size_t D = self->D;
  const lanes alpha = e->alpha;
  lanes *v = e->room[0], *g = e->room[1], *u = e->room[2];
  memset(out, 0, D * sizeof *out);
  for (size_t k = 0; k < self->K; k++) {
    if (!has_share(e, k)) continue;
    const lanes *w = e->w + k * D, *inverse = e->inverse + k * D, share = e->share[k];
    const double *mean = self->means + k * D, *spread = self->spread + k * D;
    const double *q = self->rotation ? self->rotation + k * D * D : NULL;
    for (size_t d = 0; d < D; d++) v[d] = inverse[d] * w[d];
    turn_back(self, k, v, u);
    for (size_t d = 0; d < D; d++) v[d] *= alpha * spread[d];
    turn_back(self, k, v, g);
    for (size_t d = 0; d < D; d++) {
      lanes own = {0};
      for (size_t j = q ? 0 : d; j < (q ? D : d + 1); j++) {
        double square = q ? q[d * D + j] * q[d * D + j] : 1;
        own += square * (alpha * spread[j] * inverse[j]);
      }
      out[d] += share * (own - (mean[d] + g[d] - e->mean[d]) * u[d]);
    }
  }
}

#endif
