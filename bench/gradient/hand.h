/* SPDX-License-Identifier: MIT
 * Gradients written by hand, one model a file: what somebody who knows the machine writes in an afternoon.
 * They are the yardstick of `./dev bench gradient`, compiled with the flags of emitted code. */
#ifndef BENCH_GRADIENT_HAND_H
#define BENCH_GRADIENT_HAND_H

#include <stddef.h>

typedef struct {
  const double *x[8]; /* arrays of the model's data, in the order of run.lua */
  size_t size[8];
} hand_data;

/* Prepares what depends on the data alone; it is never freed. */
typedef void *(*hand_prepare)(const hand_data *);
/* Log-density, with the constants that Borel keeps, and its gradient g at the unconstrained point u. */
typedef double (*hand_gradient)(const void *prepared, const double *u, double *g);

#define HAND(name)                                                                                           \
  void *name##_prepare(const hand_data *);                                                                   \
  double name##_gradient(const void *prepared, const double *u, double *g);
HAND(eight_schools)
HAND(radon)
HAND(wells)
HAND(irt)
HAND(garch)
#undef HAND

/* glibc's vector functions, as emitted code gets them: without -ffast-math. */
#define VECTOR __attribute__((simd("notinbranch"), const))
VECTOR double exp(double);
VECTOR double log(double);
VECTOR double log1p(double);
double sqrt(double), fabs(double);

void *malloc(size_t);
void *calloc(size_t, size_t);
void free(void *);

#define HALF_LOG_2PI 0.91893853320467274178

typedef double vec __attribute__((vector_size(32), aligned(8), may_alias));
static inline double add4(vec a) { return (a[0] + a[1]) + (a[2] + a[3]); }

#endif
