/* SPDX-License-Identifier: MIT
 * Loops over arrays of numbers, four at a time. A sum has four parts, numbers i mod 4, and the rest of an
 * array goes to the first: the same bits in registers of any width. */
#ifndef BOREL_CORE_LANES_H
#define BOREL_CORE_LANES_H

#include <stddef.h>

#define BOREL_INLINE static inline __attribute__((always_inline))

/* A function marked BOREL_AVX2 may be called where BOREL_HAS_AVX2. Asked when it runs: an ifunc would be
 * asked before a sanitizer is up. */
#if defined(__x86_64__) && defined(__GNUC__)
#define BOREL_AVX2 __attribute__((target("avx2")))
#define BOREL_HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define BOREL_AVX2
#define BOREL_HAS_AVX2 0
#endif

/* Defines the function `name`, which does what the inline function name_body does, for the registers at hand.
 */
#define BOREL_WIDEST(type, name, parameters, arguments)                                                      \
  BOREL_AVX2 static type name##_avx2 parameters { return name##_body arguments; }                            \
  static type name parameters { return BOREL_HAS_AVX2 ? name##_avx2 arguments : name##_body arguments; }
#define BOREL_WIDEST_VOID(name, parameters, arguments)                                                       \
  BOREL_AVX2 static void name##_avx2 parameters { name##_body arguments; }                                   \
  static void name parameters {                                                                              \
    if (BOREL_HAS_AVX2)                                                                                      \
      name##_avx2 arguments;                                                                                 \
    else                                                                                                     \
      name##_body arguments;                                                                                 \
  }

typedef double borel_four __attribute__((vector_size(32), aligned(8), may_alias));
#define BOREL_FOUR(x) (*(const borel_four *)(x))
#define BOREL_SET_FOUR(x) (*(borel_four *)(x))

BOREL_INLINE double borel_four_total(borel_four sum, double rest) {
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

/* out [rows] = products of y [n] with `rows` arrays that lie `stride` apart; `rows` is a constant, at most 4.
 */
BOREL_INLINE void borel_dots(const double *x, size_t stride, size_t rows, const double *y, size_t n,
                             double *out) {
  borel_four sum[4] = {0};
  double rest[4] = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    borel_four four = BOREL_FOUR(y + i);
#pragma GCC unroll 4
    for (size_t k = 0; k < rows; k++) sum[k] += BOREL_FOUR(x + k * stride + i) * four;
  }
  for (; i < n; i++)
#pragma GCC unroll 4
    for (size_t k = 0; k < rows; k++) rest[k] += x[k * stride + i] * y[i];
#pragma GCC unroll 4
  for (size_t k = 0; k < rows; k++) out[k] = borel_four_total(sum[k], rest[k]);
}

/* to [n] = from + sum of by[k] times those arrays; to may be from. */
BOREL_INLINE void borel_add_rows(const double *x, size_t stride, size_t rows, const double *by,
                                 const double *from, double *to, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    borel_four sum = BOREL_FOUR(from + i);
#pragma GCC unroll 4
    for (size_t k = 0; k < rows; k++) sum += by[k] * BOREL_FOUR(x + k * stride + i);
    BOREL_SET_FOUR(to + i) = sum;
  }
  for (; i < n; i++) {
    double sum = from[i];
#pragma GCC unroll 4
    for (size_t k = 0; k < rows; k++) sum += by[k] * x[k * stride + i];
    to[i] = sum;
  }
}

#endif
