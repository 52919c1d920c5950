/* SPDX-License-Identifier: MIT */
#include "infer/quasi_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = BOREL_QUASI_NEWTON_PAIRS };

static double dot(const double *x, const double *y, size_t D) {
  double sum = 0;
  for (size_t i = 0; i < D; i++) sum += x[i] * y[i];
  return sum;
}

/* x += a y */
static void add(double *x, double a, const double *y, size_t D) {
  for (size_t i = 0; i < D; i++) x[i] += a * y[i];
}

int borel_quasi_newton_open(borel_quasi_newton *h, size_t D) {
  *h = (borel_quasi_newton){.D = D};
  h->memory = calloc((3 * PAIRS + 1) * D + 1, sizeof *h->memory);
  if (!h->memory) return 0;
  h->s = h->memory;
  h->y = h->s + PAIRS * D;
  h->p = h->y + PAIRS * D;
  h->alpha = h->p + PAIRS * D;
  for (size_t i = 0; i < D; i++) h->alpha[i] = 1;
  return 1;
}

void borel_quasi_newton_close(borel_quasi_newton *h) { free(h->memory); }

/* ---- T --------------------------------------------------------------------------------------- */

/* The first `count` factors only. */
static void root(const borel_quasi_newton *h, size_t count, double *x) {
  for (size_t i = 0; i < h->D; i++) x[i] *= sqrt(h->alpha[i]);
  for (size_t k = 0; k < count; k++) add(x, dot(h->p + k * h->D, x, h->D), h->s + k * h->D, h->D);
}

static void transposed(const borel_quasi_newton *h, size_t count, double *x) {
  for (size_t k = count; k-- > 0;) add(x, dot(h->s + k * h->D, x, h->D), h->p + k * h->D, h->D);
  for (size_t i = 0; i < h->D; i++) x[i] *= sqrt(h->alpha[i]);
}

void borel_quasi_newton_root(const borel_quasi_newton *h, double *x) { root(h, h->pairs, x); }
void borel_quasi_newton_transposed(const borel_quasi_newton *h, double *x) { transposed(h, h->pairs, x); }
void borel_quasi_newton_apply(const borel_quasi_newton *h, double *x) {
  transposed(h, h->pairs, x);
  root(h, h->pairs, x);
}

/* x = B x of the first `count` factors: (I + s p')^-1 = I - s p' / (1 + p's). */
static void inverse(const borel_quasi_newton *h, size_t count, double *x) {
  size_t D = h->D;
  for (size_t k = count; k-- > 0;) {
    const double *s = h->s + k * D, *p = h->p + k * D;
    add(x, -dot(p, x, D) / (1 + dot(p, s, D)), s, D);
  }
  for (size_t i = 0; i < D; i++) x[i] /= h->alpha[i];
  for (size_t k = 0; k < count; k++) {
    const double *s = h->s + k * D, *p = h->p + k * D;
    add(x, -dot(s, x, D) / (1 + dot(p, s, D)), p, D);
  }
}

void borel_quasi_newton_diagonal(const borel_quasi_newton *h, double *out, double *room) {
  size_t D = h->D;
  memcpy(out, h->alpha, D * sizeof *out);
  for (size_t k = 0; k < h->pairs; k++) { /* (I + s p') H (I + p s') */
    const double *s = h->s + k * D, *p = h->p + k * D;
    memcpy(room, p, D * sizeof *room);
    transposed(h, k, room);
    root(h, k, room);
    double along = dot(p, room, D);
    for (size_t i = 0; i < D; i++) out[i] += 2 * s[i] * room[i] + along * s[i] * s[i];
  }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* All p, and the volume of T, from alpha, s and y. */
static void renew(borel_quasi_newton *h) {
  size_t D = h->D;
  h->log_volume = 0;
  for (size_t i = 0; i < D; i++) h->log_volume += 0.5 * log(h->alpha[i]);
  for (size_t k = 0; k < h->pairs; k++) {
    const double *s = h->s + k * D, *y = h->y + k * D;
    double *p = h->p + k * D, rho = 1 / dot(y, s, D);
    memcpy(p, s, D * sizeof *p);
    inverse(h, k, p);
    double stretch = rho * dot(s, p, D), c = rho / sqrt(stretch); /* c = sqrt(rho / s'B s) */
    for (size_t i = 0; i < D; i++) p[i] = c * p[i] - rho * y[i];
    h->log_volume += 0.5 * log(stretch); /* det(I + s p') = 1 + p's = sqrt(rho s'B s) */
  }
}

static void renew_alpha(borel_quasi_newton *h, const double *s, const double *y) {
  double a = 0, b = dot(y, s, h->D), c = 0;
  for (size_t i = 0; i < h->D; i++) {
    a += y[i] * h->alpha[i] * y[i];
    c += s[i] / h->alpha[i] * s[i];
  }
  for (size_t i = 0; i < h->D; i++) {
    double scaled = s[i] / h->alpha[i];
    double precision = a / (b * h->alpha[i]) + y[i] * y[i] / b - a / (b * c) * scaled * scaled;
    if (precision > 0 && isfinite(1 / precision)) h->alpha[i] = 1 / precision;
  }
}

int borel_quasi_newton_add(borel_quasi_newton *h, const double *s, const double *y) {
  size_t D = h->D;
  double curvature = dot(y, s, D), size = dot(y, y, D);
  if (!(curvature > 1e-12 * size) || !isfinite(size)) return 0;
  if (h->pairs == PAIRS) {
    memmove(h->s, h->s + D, (PAIRS - 1) * D * sizeof *h->s);
    memmove(h->y, h->y + D, (PAIRS - 1) * D * sizeof *h->y);
    h->pairs--;
  }
  memcpy(h->s + h->pairs * D, s, D * sizeof *s);
  memcpy(h->y + h->pairs * D, y, D * sizeof *y);
  h->pairs++;
  renew_alpha(h, s, y);
  renew(h);
  return 1;
}
